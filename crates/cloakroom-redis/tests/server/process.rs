//! Servers of a test's own, which it may kill.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::Value;

use crate::scratch::random_name;

/// A server on a free port of this machine; it goes when this is dropped, with all that it has written.
pub(crate) struct Process {
    child: Option<Child>,
    port: u16,
    directory: PathBuf,
    options: Vec<String>,
}

impl Process {
    /// Starts it with these options, and waits until it answers.
    pub(crate) async fn start(options: &[&str]) -> Process {
        let directory = std::env::temp_dir().join(random_name());
        std::fs::create_dir(&directory).unwrap();
        // Free a moment ago: another may take it, which has not been seen.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut process = Process { child: None, port, directory, options };
        process.restart().await;
        process
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&mut self) {
        let program = std::env::var("CLOAKROOM_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(&program);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--dir"]);
        command.arg(&self.directory).args(&self.options).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!("`{program}` must be there (on Debian: apt-get install redis-server), or CLOAKROOM_REDIS_SERVER name one: {error}")
        }));
        let client = redis::Client::open(self.url()).unwrap();
        let begin = Instant::now();
        loop {
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && redis::cmd("PING").query_async::<Value>(&mut connection).await.is_ok()
            {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "the server does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it, at once and without a word.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks a command of it.
    pub(crate) async fn ask(&self, command: &[&str]) -> Value {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// Three masters.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Process>,
}

impl Cluster {
    pub(crate) async fn start() -> Cluster {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port"];
            let bus = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
            nodes.push(Process::start(&[&options[..], &[&bus]].concat()).await);
            nodes.last().unwrap().ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]).await;
            let range = [("0", "5460"), ("5461", "10922"), ("10923", "16383")][nodes.len() - 1];
            nodes.last().unwrap().ask(&["CLUSTER", "ADDSLOTSRANGE", range.0, range.1]).await;
            if nodes.len() > 1 {
                let (port, bus) = (nodes.last().unwrap().port().to_string(), bus);
                nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
            }
        }
        let begin = Instant::now();
        for node in &nodes {
            loop {
                let info: String = redis::from_redis_value(node.ask(&["CLUSTER", "INFO"]).await).unwrap();
                if info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384") {
                    break;
                }
                assert!(begin.elapsed() < Duration::from_secs(60), "the cluster does not come about");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Cluster { nodes }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Process::url).collect()
    }
}
