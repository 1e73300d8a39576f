//! No other site may send requests in a visitor's name.
//!
//! A browser sends the cookies of a site with each request to it, whoever has caused that request (RFC 6265bis, section 8.2).
//! `SameSite=Lax` keeps most of that off, but not the posts of sibling subdomains, and not a forged log-in, which needs no
//! cookie. This layer refuses such requests by what browsers tell of where they come from, which no page can make them lie
//! about. It needs no session and no token, and so it stands outside of the sessions: what is refused costs no store call.
//!
//! ```
//! use axum::{Router, routing::post};
//! use cloakroom::cross_site::{CrossSiteLayer, Origin};
//!
//! let layer = CrossSiteLayer::new().trust(Origin::new("https://accounts.example.com")?);
//! let app: Router = Router::new().route("/order", post(async || "ordered")).layer(layer);
//! # Ok::<(), cloakroom::cross_site::OriginError>(())
//! ```
//!
//! # How it decides
//!
//! As `net/http.CrossOriginProtection` of Go 1.25 does, and a little more strictly:
//!
//! | the request | |
//! |---|---|
//! | GET, HEAD and OPTIONS, but for what begins a WebSocket and for [protected reads](CrossSiteLayer::protect_reads) | passes |
//! | `Sec-Fetch-Site` is `same-origin` or `none` (the visitor's own doing, such as a bookmark) | passes |
//! | its `Origin` is a [trusted](CrossSiteLayer::trust) one | passes |
//! | the application has [exempted](CrossSiteLayer::exempt) it | passes |
//! | `Sec-Fetch-Site` is anything else, `same-site` too, or there are several | refused |
//! | without it: `Origin` is the host that the request is for | passes |
//! | without it: `Origin` is any other, `null`, unreadable, or there are several | refused |
//! | with neither: no browser of today, or none at all, such as curl | passes, unless [refused](CrossSiteLayer::refuse_unknown) |
//!
//! So a handler must change nothing on GET. Where one does all the same, [`protect_reads`](CrossSiteLayer::protect_reads).
//!
//! A WebSocket begins with a GET that carries cookies and that no CORS rule holds back: any page can open one in its visitor's
//! name. So a request with `Upgrade: websocket` is treated like a post, and so is the CONNECT of HTTP/2.
//!
//! # Hosts and schemes
//!
//! The host is that of the request's address, where it has one (HTTP/2), else that of the `Host` header. Hosts are compared
//! in any case of letters, IPv6 addresses as what they mean, and a port that is the scheme's own may be there or not.
//!
//! The scheme is not compared: behind a proxy that ends TLS nobody here knows it, and no forwarding header is believed. So
//! without `Sec-Fetch-Site`, which browsers since 2023 send to HTTPS and to localhost, a page of `http://example.com` passes
//! for one of `https://example.com`. `Strict-Transport-Security` closes that gap.
//!
//! A proxy has to leave `Host`, `Origin` and `Sec-Fetch-Site` as they are. Behind one that changes `Host`, name the site's own
//! public origin as a trusted one.

mod layer;

mod decision;
mod origin;

mod future;
mod service;

pub use decision::Refusal;
pub use future::ResponseFuture;
pub use layer::CrossSiteLayer;
pub use origin::{Origin, OriginError};
pub use service::CrossSiteService;
