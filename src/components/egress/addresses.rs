//! Which addresses somebody else may make us call: those of the public internet, and networks that the operator named.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::components::config::Config;

/// Never public, whoever says so: ourselves, the neighbours, clouds' metadata, and ways of writing any of these otherwise.
const PRIVATE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];
/// The rest of IPv6 is not given out yet, or is ours alone.
const GLOBAL_IPV6: &str = "2000::/3";

/// What may be called.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// By name of the operator: in them everything may be called, also in the clear and at any port.
    pub named: Vec<IpNet>,
}

impl Allowed {
    /// In development a program on the same machine is what webhooks are tried with.
    pub fn of(config: &Config) -> Self {
        let here = ["127.0.0.0/8", "::1/128"].iter().filter(|_| config.environment.is_development());
        let here = here.filter_map(|network| network.parse::<IpNet>().ok());
        Self { named: config.egress.allow.iter().copied().chain(here).collect() }
    }

    pub fn is_named(&self, address: IpAddr) -> bool {
        self.named.iter().any(|network| network.contains(&address) || network.contains(&plain(address)))
    }

    pub fn may(&self, address: IpAddr) -> bool {
        self.is_named(address) || is_public(plain(address))
    }
}

/// An IPv4 address that is written as IPv6 is that IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six
            .to_ipv4_mapped()
            .or_else(|| six.to_ipv4().filter(|_| is_compatible(six)))
            .map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// `::a.b.c.d`, which some systems still route to IPv4.
fn is_compatible(six: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, ..] = six.segments();
    [a, b, c, d, e, f] == [0; 6]
}

fn is_public(address: IpAddr) -> bool {
    let within = |network: &str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
    (address.is_ipv4() || within(GLOBAL_IPV6)) && !PRIVATE.iter().any(|network| within(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(address: &str) -> bool {
        Allowed::default().may(address.parse().unwrap())
    }

    #[test]
    fn ssrf_1_every_network_that_we_name_is_one() {
        assert!(PRIVATE.iter().all(|network| network.parse::<IpNet>().is_ok()));
    }

    #[test]
    fn ssrf_1_public_addresses_may_be_called() {
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1"]
        {
            assert!(may(address), "{address}");
        }
    }

    #[test]
    fn ssrf_1_nothing_else_may_however_it_is_written() {
        for address in [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(!may(address), "{address}");
        }
    }

    #[test]
    fn a_named_network_may_be_called_in_either_spelling() {
        let allowed = Allowed { named: vec!["10.1.0.0/16".parse().unwrap()] };

        assert!(allowed.may("10.1.2.3".parse().unwrap()) && allowed.may("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!allowed.may("10.2.0.1".parse().unwrap()));
        assert!(Allowed { named: vec!["::1/128".parse().unwrap()] }.may("::1".parse().unwrap()));
    }
}
