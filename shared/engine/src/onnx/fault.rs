//! Why a graph cannot be computed.

/// Why a graph cannot be computed: its steps do not fit each other. Found when a model is imported and when
/// it is loaded, on rows made up for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Shapes do not fit.
    #[error("its inputs are of shapes that do not fit each other")]
    Shape,
    /// An input is not there.
    #[error("an input is missing")]
    Input,
    /// A place is beyond what it is a place of.
    #[error("a place is out of bounds")]
    Index,
    /// A value is not a whole number where one is needed.
    #[error("a value is not a whole number")]
    Value,
    /// A type is not what it must be.
    #[error("an input is of a type that it does not take")]
    Type,
    /// It would take too much memory or time.
    #[error("it would take too much memory or time for a row")]
    TooLarge,
}

pub(super) type Run<T> = Result<T, Fault>;
