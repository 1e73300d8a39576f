//! What a store is asked for.

use std::fmt;

/// A method of a [`Store`](crate::store::Store) or of its [`Directory`](crate::store::Directory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreCall {
    /// [`Store::load`](crate::store::Store::load).
    Load,
    /// [`Store::create`](crate::store::Store::create).
    Create,
    /// [`Store::apply`](crate::store::Store::apply).
    Apply,
    /// [`Store::rotate`](crate::store::Store::rotate).
    Rotate,
    /// [`Store::destroy`](crate::store::Store::destroy).
    Destroy,
    /// [`Store::sweep`](crate::store::Store::sweep).
    Sweep,
    /// [`Directory::list`](crate::store::Directory::list).
    List,
    /// [`Directory::count`](crate::store::Directory::count).
    Count,
    /// [`Directory::revoke`](crate::store::Directory::revoke).
    Revoke,
    /// [`Directory::revoke_all`](crate::store::Directory::revoke_all).
    RevokeAll,
    /// [`Directory::page`](crate::store::Directory::page).
    Page,
}

impl StoreCall {
    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            StoreCall::Load => "load",
            StoreCall::Create => "create",
            StoreCall::Apply => "apply",
            StoreCall::Rotate => "rotate",
            StoreCall::Destroy => "destroy",
            StoreCall::Sweep => "sweep",
            StoreCall::List => "list",
            StoreCall::Count => "count",
            StoreCall::Revoke => "revoke",
            StoreCall::RevokeAll => "revoke_all",
            StoreCall::Page => "page",
        }
    }
}

impl fmt::Display for StoreCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
