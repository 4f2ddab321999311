"""The errors that Burrow raises.

Every one is an `Error`, so that one `except burrow.exception.Error` takes them all. Errors that a
function raised remotely are not wrapped: they come back as the class that the function raised.

Names are those of Modal's public API where it has one for the case; docs/functions.md says which
is raised when.

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


class InvalidError(Error):
    """A parameter, decorator or command is used in a way that cannot work."""


class ExecutionError(Error):
    """A call could not be run, or not to its end, for a reason other than what its function raised."""


class AppNotRunningError(ExecutionError, InvalidError):
    """A function was called remotely whose app neither runs nor is deployed."""


class OutOfMemoryError(ExecutionError):
    """A container needed more memory than its function's `memory`."""


class OutOfDiskError(ExecutionError):
    """A container wrote more than its function's `ephemeral_disk`."""


class ContainerCrashedError(ExecutionError):
    """A container's process ended by itself while it ran a call."""


class ImportFailedError(ExecutionError):
    """The function, or the module that defines it, could not be loaded in the container."""


class InternalFailure(Error):
    """Burrow itself failed, and neither the function nor its caller; trying again may help."""


class InfrastructureError(InternalFailure):
    """Burrow lost the call's container more often than its budget allows, or gave no proper answer."""


class InternalError(InfrastructureError):
    """The server met a bug or damage; its log says more."""


class ServiceError(InfrastructureError):
    """What passed between client and server was no answer: it is away, too late, or no burrowd."""


class ConnectionError(ServiceError):
    """The server could not be reached."""


class AuthError(Error):
    """The server did not accept the client's token."""


class PermissionDeniedError(AuthError):
    """The server knows the token, whose role does not allow this."""


class NotFoundError(Error):
    """The app, function, call or image does not exist."""


class OutputExpiredError(TimeoutError, NotFoundError):
    """The server has no result of the call: it was kept for a while and is gone, or never was.

    It is one of the TimeoutErrors, so name it before them:

        try:
            return call.get(timeout=0)
        except burrow.exception.OutputExpiredError:
            return "gone"
        except TimeoutError:
            return "not yet"
    """


class AlreadyExistsError(InvalidError):
    """Something of that name is there already."""


class ConflictError(InvalidError):
    """The request does not fit to what there is now: a name in use, an app that has been stopped."""


class VersionError(InvalidError):
    """The server has no such method: it is older than this client, or newer by far."""


class ImageBuildError(Error):
    """A step of an image failed; the message names it and ends with its last lines of output."""


class SerializationError(Error):
    """A value could not be pickled, or not be read back on the other side."""


class DeserializationError(SerializationError):
    """A pickled value could not be read back."""


class RequestSizeError(SerializationError):
    """What a call was given is more than a request may carry."""


class ResourceExhaustedError(Error):
    """The server's queue or disk is full; the same request may succeed later.

    Attributes:
        retry_after: in so many seconds, by what the server says; None where it does not say.
    """

    retry_after: "float | None" = None


class CancelledError(Error):
    """The call was cancelled."""


class InputCancellation(BaseException):
    """Raised inside a running function when its call is cancelled or over its timeout.

    It is no `Exception`, so that `except Exception` in user code does not swallow it. Clean up and
    let it pass: the call counts as cancelled whatever the function does.
    """
