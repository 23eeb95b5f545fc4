//! How a command ends.

use std::process::ExitCode;

/// The exit statuses of `main.rs`; 1 is an error that carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0.
    Good,
    /// 1: the answer is an error, and has been printed.
    Bad,
    /// 3: the answer is partial and `--strict` was given.
    Partial,
}

/// 2: the call is wrong.
pub(crate) const CALL_IS_WRONG: u8 = 2;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => Self::SUCCESS,
            Exit::Bad => Self::from(1),
            Exit::Partial => Self::from(3),
        }
    }
}
