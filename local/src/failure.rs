//! Why a command did not do what it was asked, and the exit code that says so.

use crate::api::Problem;
use crate::output;
use std::fmt::Display;
use std::io;
use std::path::Path;

/// The kinds of failure that a caller may want to tell apart; each is an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The operation failed.
    Failed = 1,
    /// It was not asked for in a way that makes sense.
    Usage = 2,
    /// No server answers.
    Unreachable = 3,
    /// The key is missing, unknown, or not allowed to do this.
    NotAllowed = 4,
    /// The user interrupted it.
    Interrupted = 130,
}

/// The text of `--help` on exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the operation failed: the server refused it, or the run failed
  2    the command line can not be used
  3    the server can not be reached
  4    not allowed: no key, an unknown key, or a role that may not do this
  130  interrupted";

/// A failure as the user is told of it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    detail: String,
    place: Option<String>,
    remedy: Option<String>,
    request: Option<String>,
    /// Nobody is left to be told, as when the reader of a pipe has gone.
    silent: bool,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of that kind.
    pub(crate) fn new(exit: Exit, detail: impl Into<String>) -> Self {
        Self { exit, detail: detail.into(), place: None, remedy: None, request: None, silent: false }
    }

    /// The operation failed.
    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self::new(Exit::Failed, detail)
    }

    /// A file that can not be opened, read or written.
    pub(crate) fn file(path: &Path, error: impl Display) -> Self {
        Self::failed(format!("{}: {error}", path.display()))
    }

    /// With what the user can do.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// With where the trouble is.
    pub(crate) fn place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same failure with what and where told in other words.
    pub(crate) fn reworded(mut self, reword: impl Fn(&str) -> String) -> Self {
        self.detail = reword(&self.detail);
        self.place = self.place.map(|place| reword(&place));
        self
    }

    /// The program's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.silent { 0 } else { self.exit as u8 }
    }

    /// Tells the user, on stderr.
    pub(crate) fn report(&self) {
        if self.silent {
            return;
        }
        output::error("error", &self.detail);
        let parts = [("where", &self.place), ("help", &self.remedy), ("request", &self.request)];
        for (label, text) in parts {
            if let Some(text) = text {
                output::error_part(label, text);
            }
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.status {
            401 | 403 => Exit::NotAllowed,
            _ => Exit::Failed,
        };
        let place = problem.place.as_ref().map(ToString::to_string).filter(|place| !place.is_empty());
        Self {
            exit,
            place,
            detail: problem.detail.unwrap_or(problem.title),
            remedy: problem.remedy,
            request: problem.request_id,
            silent: false,
        }
    }
}

/// What goes wrong on the way to stdout. A reader that has gone wants no more: that is no failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self { silent, ..Self::failed(format!("the output can not be written: {error}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_where_and_what_to_do() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"urn:fettle:problem:ragged","title":"t","status":422,"detail":"row 3 has 4 cells",
                "where":{"row":3},"remedy":"fix it","request_id":"req_1"}"#,
        )
        .unwrap();
        let failure = Failure::from(problem);
        assert_eq!(failure.exit_code(), 1);
        assert_eq!(failure.detail, "row 3 has 4 cells");
        assert_eq!(failure.place.as_deref(), Some("row 3"));
        assert_eq!(failure.remedy.as_deref(), Some("fix it"));
        assert_eq!(failure.request.as_deref(), Some("req_1"));
    }

    #[test]
    fn who_may_not_is_told_apart() {
        for (status, exit) in [(401, 4), (403, 4), (404, 1), (409, 1), (500, 1)] {
            let problem = Problem { status, ..Problem::default() };
            assert_eq!(Failure::from(problem).exit_code(), exit, "{status}");
        }
    }
}
