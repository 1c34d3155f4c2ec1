"""Pictures shown live in a visdom server, as the sheet suggests for Problem 4; visdom is optional."""

import logging

import numpy as np
import numpy.typing as npt
import requests

log = logging.getLogger("nngplab.report.visdom")

# The name of a picture -> the name of a row -> its images (n, 3, h, w); all rows of a picture of equal length.
Pictures = dict[str, dict[str, npt.NDArray[np.uint8]]]

# Environment of the server in which the pictures stand.
ENVIRONMENT = "nngp-lab"
# Each pixel is shown as a square of this many.
MAGNIFICATION = 4
# Seconds to wait for an answer of the server.
PATIENCE = 10


def show(pictures: Pictures, server: str, port: int) -> None:
    """Send pictures to a visdom server, each into the window of its name, which it replaces.

    Whatever goes wrong with visdom or its server costs one warning in the log, and nothing else.

    Args:
        pictures: what to show.
        server: as http://localhost.
        port: its port.
    """
    try:
        _send(pictures, server, port)
    except ImportError:
        log.warning("the pictures are not shown in visdom: it is not installed (make visdom)")
    except Exception as error:
        cause = type(error.__context__ or error).__name__
        log.warning("the pictures are not shown in visdom at %s:%d: %s (%s)", server, port, error, cause)
    else:
        log.info("%d pictures are shown in visdom at %s:%d, environment %s", len(pictures), server, port, ENVIRONMENT)


def _send(pictures: Pictures, server: str, port: int) -> None:
    import visdom

    class Client(visdom.Visdom):
        """A client that does not wait for ever for a silent server, nor take a refusal for a yes."""

        def _handle_post(self, url: str, data: str | None = None) -> str:
            reply = requests.post(url, data=data, timeout=PATIENCE)
            reply.raise_for_status()
            return str(reply.text)

    # It warns that without a socket the server cannot call back.
    logging.getLogger("visdom").setLevel(logging.ERROR)
    client = Client(server=server, port=port, env=ENVIRONMENT, raise_exceptions=True, use_incoming_socket=False)
    for name, rows in pictures.items():
        images = np.concatenate(list(rows.values())).repeat(MAGNIFICATION, axis=2).repeat(MAGNIFICATION, axis=3)
        words = {"title": name, "caption": "rows: " + ", ".join(rows)}
        client.images(images, nrow=len(images) // len(rows), win=name, opts=words)
