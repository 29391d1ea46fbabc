"""The one exception a user is meant to see."""


class UserError(Exception):
    """Something a user can mend: bad input, bad config, an absent device.

    The message is one readable line that says what is wrong, where (file, line, column,
    sample), and what to do about it. It is shown as it is, without a traceback.
    """
