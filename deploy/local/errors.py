"""What can stop the local stack from starting, said in one sentence for the person there."""


class StackError(Exception):
    """The stack cannot start or go on; the text says why and what to do about it."""
