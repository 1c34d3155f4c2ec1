"""Show images in a visdom server, as the problem set suggests for Problem 4; visdom is an optional dependency."""

import logging

import numpy as np
import numpy.typing as npt
import requests

log = logging.getLogger("nngplab.report.visdom")

# Title of a window -> label of a row -> its images (n, 3, h, w). All rows of a window have the same n.
Windows = dict[str, dict[str, npt.NDArray[np.uint8]]]

# The visdom environment of the windows.
ENVIRONMENT = "nngp-lab"
# The side of the square that shows a pixel.
MAGNIFICATION = 4
# Seconds to wait for a reply of the server.
TIMEOUT = 10


def show(windows: Windows, server: str, port: int) -> None:
    """Show images in windows of a visdom server. A window replaces an earlier one of the same title.

    If visdom is not installed or fails, log one warning and do not raise an error.

    Args:
        windows: the images of each window.
        server: the address, for example http://localhost.
        port: the port of the server.
    """
    try:
        _send(windows, server, port)
    except ImportError:
        log.warning("no images are shown in visdom: it is not installed; run `make visdom`")
    except Exception as error:
        cause = type(error.__context__ or error).__name__
        log.warning("no images are shown in visdom at %s:%d: %s (%s)", server, port, error, cause)
    else:
        log.info("%d windows are shown in visdom at %s:%d, environment %s", len(windows), server, port, ENVIRONMENT)


def _send(windows: Windows, server: str, port: int) -> None:
    import visdom

    class Client(visdom.Visdom):
        """A client with a timeout that raises an error if the server replies with an HTTP error."""

        def _handle_post(self, url: str, data: str | None = None) -> str:
            reply = requests.post(url, data=data, timeout=TIMEOUT)
            reply.raise_for_status()
            return str(reply.text)

    # visdom warns that without a socket the server cannot send events, which are not used.
    logging.getLogger("visdom").setLevel(logging.ERROR)
    client = Client(server=server, port=port, env=ENVIRONMENT, raise_exceptions=True, use_incoming_socket=False)
    for title, rows in windows.items():
        images = np.concatenate(list(rows.values())).repeat(MAGNIFICATION, axis=2).repeat(MAGNIFICATION, axis=3)
        options = {"title": title, "caption": "rows: " + ", ".join(rows)}
        client.images(images, nrow=len(images) // len(rows), win=title, opts=options)
