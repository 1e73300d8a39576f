//! The scripts: one call of one of them is one operation.

use std::sync::LazyLock;

use redis::Cmd;

/// A script that the server runs as one step, and knows by the SHA-1 of its text.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    sha: LazyLock<String>,
}

/// A script behind what all of them share.
macro_rules! script {
    ($name:literal) => {
        Script {
            text: concat!(include_str!("scripts/common.lua"), include_str!(concat!("scripts/", $name))),
            sha: LazyLock::new(|| {
                let text = concat!(include_str!("scripts/common.lua"), include_str!(concat!("scripts/", $name)));
                redis::Script::new(text).get_hash().to_owned()
            }),
        }
    };
}

pub(crate) static CREATE: Script = script!("create.lua");
pub(crate) static APPLY: Script = script!("apply.lua");
pub(crate) static DESTROY: Script = script!("destroy.lua");
pub(crate) static USER: Script = script!("user.lua");
pub(crate) static PAGE: Script = script!("page.lua");
pub(crate) static TIDY: Script = script!("tidy.lua");
pub(crate) static ENTRY: Script = script!("entry.lua");
pub(crate) static INDEX: Script = script!("index.lua");
pub(crate) static HEAL: Script = script!("heal.lua");
pub(crate) static RESERVE: Script = script!("reserve.lua");
pub(crate) static RELEASE: Script = script!("release.lua");

pub(crate) static EXPRESS_READ: Script = script!("express/read.lua");
pub(crate) static EXPRESS_CREATE: Script = script!("express/create.lua");
pub(crate) static EXPRESS_WRITE: Script = script!("express/write.lua");
pub(crate) static EXPRESS_END: Script = script!("express/end.lua");
pub(crate) static EXPRESS_RESERVE: Script = script!("express/reserve.lua");
pub(crate) static EXPRESS_RELEASE: Script = script!("express/release.lua");

/// One thing asked of the server.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    what: What,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Script(&'static Script),
    Command(&'static str),
}

impl Request {
    /// A call of a script.
    pub(crate) fn script(script: &'static Script) -> Request {
        Request { what: What::Script(script), keys: Vec::new(), args: Vec::new() }
    }

    /// A plain command, such as `HGETALL`.
    pub(crate) fn command(name: &'static str) -> Request {
        Request { what: What::Command(name), keys: Vec::new(), args: Vec::new() }
    }

    pub(crate) fn key(mut self, key: impl Into<Vec<u8>>) -> Request {
        self.keys.push(key.into());
        self
    }

    pub(crate) fn arg(mut self, arg: impl Into<Vec<u8>>) -> Request {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = Vec<u8>>) -> Request {
        self.args.extend(args);
        self
    }

    /// The key that says which node of a cluster it is for.
    pub(crate) fn routing_key(&self) -> Option<&[u8]> {
        self.keys.first().map(Vec::as_slice)
    }

    /// As it is sent: a script by its hash, or whole if the server does not know it.
    pub(crate) fn command_line(&self, whole: bool) -> Cmd {
        let mut cmd = match self.what {
            What::Command(name) => Cmd::new().arg(name).to_owned(),
            What::Script(script) => {
                let (name, script) = if whole { ("EVAL", script.text) } else { ("EVALSHA", &**script.sha) };
                Cmd::new().arg(name).arg(script).arg(self.keys.len()).to_owned()
            }
        };
        for part in self.keys.iter().chain(&self.args) {
            cmd.arg(part.as_slice());
        }
        cmd
    }
}
