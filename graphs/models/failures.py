"""What can go wrong with a model call.

CallFailed                  the call is given up; the run goes on and says what it lacks
├── CallRejected            the provider refuses this request for good
│   └── ContextOverflow     ... because it is too long for the model
├── CallTimedOut            no answer within the deadline, after all attempts
├── ProviderUnavailable     errors of the provider or the network, after all attempts
├── BudgetSpent             the run's budget does not allow the call
└── AnswerUnusable          an answer came, and must not be called a summary
    ├── AnswerCut           ended by the output limit
    ├── AnswerFiltered      withheld by the provider's content filter
    ├── AnswerRefused       the model declined
    ├── AnswerEmpty         no text
    ├── AnswerTooLong       longer than its source
    ├── AnswerUnreadable    not in the form or the language that was asked for
    └── AnswerMalformed     not an answer of OpenAI's protocol
RunStopped                  no further call of this run can succeed, or may be made
├── Unauthorized            key missing, wrong or without the right
├── QuotaExhausted          the account has no credit left
├── ModelUnknown            the provider has no such model
├── BudgetTooSmall          the plan needs more than the run's budget allows
└── LedgerUnavailable       finished calls cannot be kept, so none is started
    └── LedgerEntryLost     a finished call that this run rests on is gone
Transient                   inside this package only: try again
└── Overloaded              ... after a pause of everyone, as long as the provider states
"""


class ModelError(Exception):
    """A model call went wrong."""

    code = "model_error"

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(f"{self.__doc__} {detail}".strip() if detail else self.__doc__)


class CallFailed(ModelError):
    """The model call was given up."""

    code = "call_failed"


class CallRejected(CallFailed):
    """The provider refuses this request."""

    code = "call_rejected"


class ContextOverflow(CallRejected):
    """The prompt is too long for the model's window."""

    code = "context_overflow"


class CallTimedOut(CallFailed):
    """No answer came within the deadline."""

    code = "call_timed_out"


class ProviderUnavailable(CallFailed):
    """The provider could not be reached or failed, in every attempt."""

    code = "provider_unavailable"


class BudgetSpent(CallFailed):
    """The run's budget does not allow this call."""

    code = "budget_spent"


class NeedsLanguageModel(CallFailed):
    """The embedded model quotes and cannot write."""

    code = "needs_language_model"


class AnswerUnusable(CallFailed):
    """The answer cannot be used."""

    code = "answer_unusable"


class AnswerCut(AnswerUnusable):
    """The answer was cut by the output limit."""

    code = "answer_cut"


class AnswerFiltered(AnswerUnusable):
    """The provider's content filter withheld the answer."""

    code = "answer_filtered"


class AnswerRefused(AnswerUnusable):
    """The model declined to answer."""

    code = "answer_refused"


class AnswerEmpty(AnswerUnusable):
    """The answer holds no text."""

    code = "answer_empty"


class AnswerTooLong(AnswerUnusable):
    """The answer is longer than its source, so it is no summary."""

    code = "answer_too_long"


class AnswerUnreadable(AnswerUnusable):
    """The answer does not have the form that was asked for."""

    code = "answer_unreadable"


class AnswerMalformed(AnswerUnusable):
    """The answer does not follow the protocol."""

    code = "answer_malformed"


class RunStopped(ModelError):
    """No further model call of this run can succeed."""

    code = "run_stopped"


class Unauthorized(RunStopped):
    """The provider does not accept the API key."""

    code = "unauthorized"


class QuotaExhausted(RunStopped):
    """The provider's account has no quota left."""

    code = "quota_exhausted"


class ModelUnknown(RunStopped):
    """The provider has no such model."""

    code = "model_unknown"


class BudgetTooSmall(RunStopped):
    """The plan needs more than the run's budget allows, so nothing was paid."""

    code = "budget_too_small"


class LedgerUnavailable(RunStopped):
    """Finished calls cannot be kept, so no new one is started."""

    code = "ledger_unavailable"


class LedgerEntryLost(LedgerUnavailable):
    """A finished call is no longer in the ledger."""

    code = "ledger_entry_lost"


class Transient(ModelError):
    """The call may succeed when tried again."""

    def __init__(self, detail: str, *, gives_up_as: type[CallFailed]) -> None:
        super().__init__(detail)
        self.gives_up_as = gives_up_as  # after the last attempt


class Overloaded(Transient):
    """The provider asks for fewer calls: everyone waits, and no attempt is counted."""

    def __init__(self, detail: str, *, wait_seconds: float | None) -> None:
        super().__init__(detail, gives_up_as=ProviderUnavailable)
        self.wait_seconds = wait_seconds  # as stated; None: it says no time
