//! Who can log in.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher as _, PasswordVerifier as _};
use cloakroom::UserId;
use tokio::sync::Semaphore;

/// The shop's customers, and how they log in. The log-in page shows them: this is a demo.
pub(crate) const SAMPLES: [Sample; 3] = [
    Sample { id: "ada", name: "Ada", password: "analytical-engine" },
    Sample { id: "grace", name: "Grace", password: "a-moth-in-the-relay" },
    Sample { id: "linus", name: "Linus", password: "just-for-fun" },
];

/// Each check takes a core and 19 MiB for a moment; a crowd of guesses may wait, and not take them all.
const CHECKS_AT_ONCE: usize = 4;

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
}

#[derive(Debug)]
pub(crate) struct Accounts {
    all: Vec<Account>,
    /// What the password of an unknown user is held against.
    decoy: PasswordHash,
    checks: Semaphore,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    hash: PasswordHash,
}

impl Accounts {
    /// The sample accounts, their passwords hashed at once.
    pub(crate) fn samples(argon2: &Argon2<'_>) -> Result<Accounts, password_hash::Error> {
        let hash = |password: &'static str| move || argon2.hash_password(password.as_bytes());
        std::thread::scope(|threads| {
            let decoy = threads.spawn(hash("nobody's password"));
            let hashes = SAMPLES.map(|sample| threads.spawn(hash(sample.password)));
            let done = |hashing: std::thread::ScopedJoinHandle<'_, _>| {
                hashing.join().unwrap_or(Err(password_hash::Error::Internal))
            };
            let account = |(sample, hashing): (Sample, _)| -> Result<_, password_hash::Error> {
                Ok(Account { id: sample.id, name: sample.name, hash: done(hashing)? })
            };
            Ok(Accounts {
                all: SAMPLES.into_iter().zip(hashes).map(account).collect::<Result<_, _>>()?,
                decoy: done(decoy)?,
                checks: Semaphore::new(CHECKS_AT_ONCE),
            })
        })
    }

    /// The account that a session's user has, if it still has one.
    pub(crate) fn find(&self, user: &UserId) -> Option<&Account> {
        self.all.iter().find(|account| account.id == user.as_str())
    }

    /// The account, if that is its password. An unknown name takes as long as a wrong password, so that the time doesn't
    /// tell who has an account.
    pub(crate) async fn check(&self, id: &str, password: String) -> anyhow::Result<Option<&Account>> {
        let account = self.all.iter().find(|account| account.id == id);
        let hash = account.map_or(&self.decoy, |account| &account.hash).clone();
        let _turn = self.checks.acquire().await?;
        // It computes for long, and would keep other requests from a thread of the runtime.
        let check = move || Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        let is_right = tokio::task::spawn_blocking(check).await?;
        Ok(account.filter(|_| is_right))
    }
}
