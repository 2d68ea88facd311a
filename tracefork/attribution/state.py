from enum import StrEnum


class Grade(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    AMBIGUOUS = "ambiguous"
    CENSORED = "censored"
    DIVERGED = "diverged"
    ERROR = "error"
