//! Where a request comes from: the peer, or what a configured proxy says of it.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks whose forwarding headers are believed. Nobody by default.
#[derive(Debug, Clone, Default)]
pub struct Proxies(pub Vec<IpNet>);

impl Proxies {
    /// Walks `X-Forwarded-For` from the right and stops at the first address that is not one of our proxies:
    /// everything left of it was written by the caller. A value that does not parse ends the walk where it is,
    /// so a forged header can never mean "no address".
    pub fn client(&self, peer: IpAddr, forwarded_for: &[&str]) -> IpAddr {
        let mut client = canonical(peer);
        if !self.trusts(client) {
            return client;
        }
        let hops = forwarded_for.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops.take(32) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
            client = canonical(address);
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// On this machine or in a private network: where proxies stand.
pub fn is_near(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// `::ffff:1.2.3.4` is 1.2.3.4: one caller must not have two names.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies(vec!["10.0.0.0/8".parse().unwrap()])
    }

    #[test]
    fn a_stranger_cannot_choose_his_address() {
        let stranger = "192.0.2.9".parse().unwrap();

        assert_eq!(proxies().client(stranger, &["198.51.100.1"]), stranger);
    }

    #[test]
    fn only_the_part_that_proxies_wrote_is_believed() {
        let proxy = "10.0.0.1".parse().unwrap();

        let client = proxies().client(proxy, &["127.0.0.1, 203.0.113.5, 10.0.0.7"]);

        assert_eq!(client, "203.0.113.5".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_header_that_does_not_parse_leaves_the_last_known_hop() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();

        for junk in ["a", "", "fe80::1%eth0", &"9".repeat(10_000)] {
            assert_eq!(proxies().client(proxy, &[junk]), proxy, "{junk}");
        }
    }
}
