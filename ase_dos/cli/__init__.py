"""The command ``ase-dos``, on ASE's command-line frame: one module per subcommand."""
