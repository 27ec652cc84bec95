"""Figure style, and the curve of one DOS. Other figures live with their data.

Functions are ``plot_x(result, ax=None) -> Axes``. Without ``ax`` a figure of its own is made,
outside pyplot, so that nothing global is touched and no display is needed; save it with
``ax.figure.savefig(path)``.
"""
