//! Faults of the feed.

use std::collections::VecDeque;

use cloakroom::store::{Feed, Listener, MemoryStore, Name, News, StoreFuture, Token};

use super::Wrong;

/// A listener that hears something else: what is made of each of the news.
struct Deaf {
    inner: Box<dyn Listener>,
    hears: fn(News) -> Option<News>,
}

impl Listener for Deaf {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(async move {
            loop {
                if let Some(news) = (self.hears)(self.inner.next().await?) {
                    return Ok(news);
                }
            }
        })
    }
}

impl std::fmt::Debug for Deaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deaf")
    }
}

macro_rules! deaf {
    ($name:ident, $hears:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Wrong for $name {
            fn listen<'a>(&'a self, inner: &'a MemoryStore, listener: u64) -> StoreFuture<'a, Box<dyn Listener>> {
                StoreFuture::new(async move {
                    let inner = inner.listen(listener).await?;
                    let deaf: Box<dyn Listener> = Box::new(Deaf { inner, hears: $hears });
                    Ok(deaf)
                })
            }
        }
    };
}

deaf!(TellsNoTouch, |news| (!matches!(news, News::Changed(_, None))).then_some(news));
deaf!(TellsNoEnd, |news| (!matches!(news, News::Gone(_))).then_some(news));
deaf!(TellsNoNewKey, |news| (!matches!(news, News::Changed(Name::Key(_), _))).then_some(news));
deaf!(TellsTheTokenBefore, |news| Some(match news {
    News::Changed(name, Some(token)) => {
        News::Changed(name, token.as_version().map(|version| Token::version(version - 1)))
    }
    news => news,
}));
deaf!(TellsATokenAlways, |news| Some(match news {
    News::Changed(name, None) => News::Changed(name, Some(Token::version(1))),
    news => news,
}));

/// Echoes overtake all that is told.
#[derive(Debug, Default)]
pub(crate) struct EchoesTooSoon;

impl Wrong for EchoesTooSoon {
    fn listen<'a>(&'a self, inner: &'a MemoryStore, listener: u64) -> StoreFuture<'a, Box<dyn Listener>> {
        StoreFuture::new(async move {
            let inner = inner.listen(listener).await?;
            let hasty: Box<dyn Listener> = Box::new(Hasty { inner, later: VecDeque::new() });
            Ok(hasty)
        })
    }
}

struct Hasty {
    inner: Box<dyn Listener>,
    later: VecDeque<News>,
}

impl Listener for Hasty {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(async move {
            loop {
                match self.inner.next().await? {
                    News::Echo(mark) => return Ok(News::Echo(mark)),
                    news => self.later.push_back(news),
                }
            }
        })
    }
}

impl std::fmt::Debug for Hasty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasty({})", self.later.len())
    }
}

/// Every listener hears every mark.
#[derive(Debug, Default)]
pub(crate) struct EchoesForAll;

impl Wrong for EchoesForAll {
    fn listen<'a>(&'a self, inner: &'a MemoryStore, _listener: u64) -> StoreFuture<'a, Box<dyn Listener>> {
        inner.listen(1)
    }

    fn echo<'a>(&'a self, inner: &'a MemoryStore, _listener: u64, mark: u64) -> StoreFuture<'a, ()> {
        inner.echo(1, mark)
    }
}
