"""The errors that Burrow raises.

Every one is an `Error`, so that one `except burrow.exception.Error` takes them all. Errors that a
function raised remotely are not wrapped: they come back as the class that the function raised.

    try:
        square.remote(12)
    except burrow.exception.FunctionTimeoutError:
        print("took too long")
"""

import builtins


class Error(Exception):
    """Base of every error that Burrow itself raises."""


class RemoteError(Error):
    """A function raised an exception whose class or state could not be brought here."""


class TimeoutError(Error, builtins.TimeoutError):
    """Something took longer than it was given; also one of Python's TimeoutErrors."""


class FunctionTimeoutError(TimeoutError):
    """A call ran longer than its function's `timeout`."""


class OutOfMemoryError(Error):
    """A container needed more memory than its function's `memory`."""


class OutOfDiskError(Error):
    """A container wrote more than its function's `ephemeral_disk`."""


class ContainerCrashedError(Error):
    """A container's process ended by itself while it ran a call."""


class ImportFailedError(Error):
    """The function, or the module that defines it, could not be loaded in the container."""


class ConnectionError(Error):
    """The server could not be reached."""


class AuthError(Error):
    """The server did not accept the client's token."""


class NotFoundError(Error):
    """The app, function, call or image does not exist."""


class InvalidError(Error):
    """A parameter, decorator or command is used in a way that cannot work."""


class AlreadyExistsError(InvalidError):
    """Something of that name is there already."""


class ImageBuildError(Error):
    """A step of an image failed; the message names it and ends with its last lines of output."""


class SerializationError(Error):
    """A value could not be pickled, or not be read back on the other side."""


class ResourceExhaustedError(Error):
    """The server's queue or disk is full; the same request may succeed later.

    Attributes:
        retry_after: in so many seconds, by what the server says; None where it does not say.
    """

    retry_after: "float | None" = None


class InfrastructureError(Error):
    """Burrow lost the call's container more often than its budget allows."""


class CancelledError(Error):
    """The call was cancelled."""


class InputCancellation(BaseException):
    """Raised inside a running function when its call is cancelled or over its timeout.

    It is no `Exception`, so that `except Exception` in user code does not swallow it. Clean up and
    let it pass: the call counts as cancelled whatever the function does.
    """
