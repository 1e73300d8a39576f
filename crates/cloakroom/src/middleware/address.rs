//! Where a request comes from: the peer, or what trusted proxies say.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::{Extensions, HeaderMap, HeaderName};

/// The address of a request's peer, as a request extension, for servers that tell it so.
///
/// The layer reads it unless [`peer_address`](crate::SessionLayerBuilder::peer_address) says where else it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// How much of an address is kept with a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressDetail {
    /// Nothing.
    #[default]
    Off,
    /// Its network: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address, and zeros.
    Network,
    /// All of it.
    Full,
}

/// The header in which trusted proxies tell where a request comes from. They must write or append to it, whatever the client has
/// put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A network of addresses, such as `10.0.0.0/8`, `fd00::/8`, or a single address.
///
/// ```
/// use cloakroom::IpNetwork;
///
/// let network: IpNetwork = "10.1.0.0/16".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(!network.contains("10.2.0.1".parse()?));
/// assert!("10.1.0.0/33".parse::<IpNetwork>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork {
    first: IpAddr,
    bits: u32,
}

/// A text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetworkError;

/// Where the addresses of requests are read.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) detail: AddressDetail,
    pub(super) peer: fn(&Extensions) -> Option<IpAddr>,
    pub(super) proxies: Vec<IpNetwork>,
    pub(super) header: ProxyHeader,
}

impl Default for Addresses {
    fn default() -> Addresses {
        let peer = |extensions: &Extensions| extensions.get::<PeerAddress>().map(|peer| peer.0);
        Addresses { detail: AddressDetail::Off, peer, proxies: Vec::new(), header: ProxyHeader::XForwardedFor }
    }
}

impl Addresses {
    /// The address of the client, as much of it as is to be kept; none where nobody can tell.
    pub(super) fn of(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        if self.detail == AddressDetail::Off {
            return None;
        }
        let client = self.client((self.peer)(extensions)?.to_canonical(), headers)?;
        Some(match self.detail {
            AddressDetail::Network => IpNetwork::new(client, if client.is_ipv4() { 24 } else { 48 })?.first,
            AddressDetail::Off | AddressDetail::Full => client,
        })
    }

    /// The peer, if it is no proxy of ours; else the last address before our proxies.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let is_ours = |address: IpAddr| self.proxies.iter().any(|network| network.contains(address));
        if !is_ours(peer) {
            return Some(peer);
        }
        let mut client = peer;
        for hop in self.hops(headers)?.into_iter().rev() {
            // What one of ours could not tell, those before it can't either.
            client = hop?;
            if !is_ours(client) {
                break;
            }
        }
        Some(client)
    }

    /// What the header tells, the last proxy's word last; none if it is malformed.
    fn hops(&self, headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
        let name = match self.header {
            ProxyHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ProxyHeader::Forwarded => http::header::FORWARDED,
        };
        let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let all = lines.join(",");
        match self.header {
            _ if lines.is_empty() => Some(Vec::new()),
            ProxyHeader::XForwardedFor => Some(all.split(',').map(|hop| address(hop.trim())).collect()),
            ProxyHeader::Forwarded => forwarded(&all),
        }
    }
}

/// The `for` of each element of a `Forwarded` header. Malformed anywhere, all of it is worth nothing: a quote that a client has
/// left open could hide what a proxy has appended.
fn forwarded(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let (mut hops, mut hop, mut rest) = (Vec::new(), None, text.trim());
    while !rest.is_empty() {
        if rest.starts_with([',', ';']) {
            if rest.starts_with(',') {
                hops.push(hop.take());
            }
            rest = rest[1..].trim_start();
            continue;
        }
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = value(behind)?;
        if name.contains(['"', ',', ';', ' ', '\t']) || !(behind.is_empty() || behind.starts_with([',', ';'])) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") {
            hop = address(&value);
        }
        rest = behind;
    }
    hops.push(hop);
    Some(hops)
}

/// A token or a quoted string, and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';']).unwrap_or(text.len());
        let token = text[..end].trim_end();
        return (!token.contains(['"', ' ', '\t'])).then(|| (token.to_owned(), &text[end..]));
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, quoted[at + 1..].trim_start())),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

/// An address as proxies write it: with or without brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let address: IpAddr = if let Some(rest) = text.strip_prefix('[') {
        let (address, behind) = rest.split_once(']')?;
        let is_right = behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port);
        IpAddr::V6(address.parse().ok().filter(|_| is_right)?)
    } else {
        match text.split_once(':') {
            Some((address, port)) if is_port(port) && address.contains('.') => IpAddr::V4(address.parse().ok()?),
            _ => text.parse().ok()?,
        }
    };
    Some(address.to_canonical())
}

impl IpNetwork {
    /// The network of an address, by the bits that all of its addresses share: up to 32 for IPv4, up to 128 for IPv6. None if
    /// there are more.
    pub fn new(address: IpAddr, bits: u32) -> Option<IpNetwork> {
        let first = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        };
        Some(IpNetwork { first, bits })
    }

    /// Whether an address is one of its own. An IPv4 address that is written as IPv6 is taken as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_same_kind = self.first.is_ipv4() == address.is_ipv4();
        is_same_kind && IpNetwork::new(address, self.bits).is_some_and(|network| network.first == self.first)
    }
}

impl FromStr for IpNetwork {
    type Err = IpNetworkError;

    fn from_str(text: &str) -> Result<IpNetwork, IpNetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| IpNetworkError)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| IpNetworkError)?;
        IpNetwork::new(address, bits).ok_or(IpNetworkError)
    }
}

impl From<IpAddr> for IpNetwork {
    fn from(address: IpAddr) -> IpNetwork {
        IpNetwork { first: address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl fmt::Display for IpNetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no network: an address, and perhaps a slash and its bits")
    }
}

impl std::error::Error for IpNetworkError {}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn addresses(header: ProxyHeader, detail: AddressDetail) -> Addresses {
        let proxies = vec!["10.0.0.0/8".parse().unwrap(), "fd00::1".parse().unwrap()];
        Addresses { detail, header, proxies, ..Addresses::default() }
    }

    fn client(header: ProxyHeader, peer: &str, lines: &[&str]) -> Option<String> {
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        extensions.insert(PeerAddress(peer.parse().unwrap()));
        for line in lines {
            // Either header, so that the one that does not count is there as well.
            let name = if line.contains('=') { "forwarded" } else { "x-forwarded-for" };
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        addresses(header, AddressDetail::Full).of(&extensions, &headers).map(|address| address.to_string())
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let told = |peer, lines: &[&str]| client(ProxyHeader::XForwardedFor, peer, lines);
        let is = |address: &str| Some(address.to_owned());
        assert_eq!(told("192.0.2.1", &["198.51.100.7"]), is("192.0.2.1"), "the peer is no proxy of ours");
        assert_eq!(told("10.0.0.1", &["198.51.100.7"]), is("198.51.100.7"));
        assert_eq!(told("10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.9.9.9"]), is("198.51.100.7"));
        assert_eq!(told("::ffff:10.0.0.1", &["6.6.6.6", "198.51.100.7:4711"]), is("198.51.100.7"));
        assert_eq!(told("fd00::1", &["[2001:db8::7]:80"]), is("2001:db8::7"));
        assert_eq!(told("10.0.0.1", &["10.0.0.9"]), is("10.0.0.9"), "somebody of ours");
        assert_eq!(told("10.0.0.1", &[]), is("10.0.0.1"));
        assert_eq!(told("10.0.0.1", &["for=198.51.100.7"]), is("10.0.0.1"), "the other header does not count");
        for garbage in ["unknown", "", "6.6.6.6, nobody", "6.6.6.6, ", "1.2.3.4:99999", "[1.2.3.4]", "1.2.3"] {
            assert_eq!(told("10.0.0.1", &[garbage]), None, "{garbage}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        let told = |lines: &[&str]| client(ProxyHeader::Forwarded, "10.0.0.1", lines);
        let is = |address: &str| Some(address.to_owned());
        assert_eq!(told(&["for=198.51.100.7"]), is("198.51.100.7"));
        assert_eq!(told(&["For=\"[2001:db8:cafe::17]:4711\";proto=https;by=10.0.0.1"]), is("2001:db8:cafe::17"));
        assert_eq!(told(&["for=6.6.6.6, for=198.51.100.7;proto=http", "for=10.2.3.4"]), is("198.51.100.7"));
        assert_eq!(told(&["for=6.6.6.6;host=\"a,b;c\\\"\", for=198.51.100.7"]), is("198.51.100.7"));
        assert_eq!(told(&["for=6.6.6.6;x=\"", "for=198.51.100.7"]), None, "an open quote hides nothing");
        assert_eq!(told(&["for=6.6.6.6;x=\"", "for=\"[2001:db8::1]\""]), None);
        assert_eq!(told(&["for=6.6.6.6, proto=https"]), None, "the last proxy does not tell");
        assert_eq!(told(&["for=6.6.6.6, for=_hidden"]), None);
        assert_eq!(told(&["for=6.6.6.6,"]), None);
        assert_eq!(told(&["for = 6.6.6.6"]), None);
    }

    #[test]
    fn what_is_kept_can_be_less_than_the_address() {
        let (mut extensions, headers) = (Extensions::new(), HeaderMap::new());
        let of = |extensions: &Extensions, detail| {
            let address = addresses(ProxyHeader::XForwardedFor, detail).of(extensions, &headers);
            address.map(|address| address.to_string())
        };
        assert_eq!(of(&extensions, AddressDetail::Full), None, "nobody tells the peer");
        extensions.insert(PeerAddress("192.0.2.130".parse().unwrap()));
        assert_eq!(of(&extensions, AddressDetail::Off), None);
        assert_eq!(of(&extensions, AddressDetail::Network).unwrap(), "192.0.2.0");
        extensions.insert(PeerAddress("2001:db8:aa:bb:cc::1".parse().unwrap()));
        assert_eq!(of(&extensions, AddressDetail::Network).unwrap(), "2001:db8:aa::");
    }

    #[test]
    fn networks_of_all_sizes() {
        let contains =
            |network: &str, address: &str| network.parse::<IpNetwork>().unwrap().contains(address.parse().unwrap());
        assert!(contains("0.0.0.0/0", "255.1.2.3") && contains("::/0", "2001::1"));
        assert!(!contains("0.0.0.0/0", "2001::1") && !contains("::/0", "1.2.3.4"));
        assert!(contains("10.1.2.3/8", "10.255.0.1") && contains("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!contains("192.0.2.1/32", "192.0.2.2"));
        for wrong in ["", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10.0.0/8", "10.0.0.0/8/8"] {
            assert_eq!(wrong.parse::<IpNetwork>(), Err(IpNetworkError), "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        /// Whatever a client has put there, what our proxy appends is what counts, or nothing is known.
        #[test]
        fn a_client_can_not_say_who_it_is(planted in "[a-f0-9:.,;=\"\\\\ \\[\\]for]{0,40}", quoted: bool) {
            let appended = if quoted { "for=\"198.51.100.7\"" } else { "for=198.51.100.7" };
            let lines = [format!("x=1,{planted}"), appended.to_owned()];
            let told = client(ProxyHeader::Forwarded, "10.0.0.1", &[&lines[0], &lines[1]]);
            prop_assert!(told.is_none() || told.as_deref() == Some("198.51.100.7"), "{told:?}");
            let lines = [planted.replace('=', ""), "198.51.100.7".to_owned()];
            let told = client(ProxyHeader::XForwardedFor, "10.0.0.1", &[&lines[0], &lines[1]]);
            prop_assert_eq!(told.as_deref(), Some("198.51.100.7"));
        }
    }
}
