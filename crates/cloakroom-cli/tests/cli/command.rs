//! The binary, and what it says.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A call of the command.
pub(crate) struct Call {
    command: Command,
    input: String,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The command with these arguments, and nothing of this process's environment that it looks at.
pub(crate) fn cloakroom(arguments: &[&str]) -> Call {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).env_remove("CLOAKROOM_STORE").env_remove("CLOAKROOM_SECRET");
    Call { command, input: String::new() }
}

/// The same on a store.
pub(crate) fn on(store: &str, arguments: &[&str]) -> Call {
    cloakroom(arguments).env("CLOAKROOM_STORE", store)
}

impl Call {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Call {
        self.command.env(name, value);
        self
    }

    pub(crate) fn input(self, text: &str) -> Call {
        Call { input: text.to_owned(), ..self }
    }

    pub(crate) fn command(self) -> Command {
        self.command
    }

    pub(crate) fn run(mut self) -> Ended {
        let mut child =
            self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who needs no input may have ended.
        drop(stdin.write_all(self.input.as_bytes()));
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Ended {
        let ended = self.run();
        assert_eq!(ended.code, code, "{ended:?}");
        ended
    }
}

impl Ended {
    /// The values of `--json`, one a line.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only one.
    pub(crate) fn value(&self) -> Value {
        let mut values = self.values();
        assert_eq!(values.len(), 1, "{self:?}");
        values.remove(0)
    }
}
