//! Where a notification may not go. A merchant's server is on this machine, in its network or on the internet; what is
//! link-local, a cloud's own service or no single machine is never one, and a notify_url that names it wants something else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Is the address, in whatever form it is written or wrapped, one that no notification goes to?
pub(crate) fn is_off_limits(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => off_limits_v4(address),
        IpAddr::V6(address) => off_limits_v6(address),
    }
}

/// The same of the host that a URL names, as the client that connects reads it; of a name this says nothing.
pub(crate) fn names_off_limits(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => off_limits_v4(address),
        Some(Host::Ipv6(address)) => is_off_limits(IpAddr::V6(address)),
        Some(Host::Domain(_)) | None => false,
    }
}

fn off_limits_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // this network, multicast, reserved and broadcast
        [0 | 224..=255, ..] => true,
        [169, 254, ..] => true,
        // services that clouds have for their own machines, at addresses that look like others
        [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => true,
        _ => false,
    }
}

fn off_limits_v6(address: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        off_limits_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        _ if address.is_loopback() => false,
        _ if address.is_unspecified() || address.is_multicast() => true,
        // link-local, and the site-local that is no more
        [0xfe80..=0xfeff, ..] => true,
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] => true,
        // v4 addresses: as of old, translated (NAT64), tunnelled (6to4)
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            inner(high, low)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_judged_as_the_address_it_is() {
        for (url, off_limits) in [
            ("http://127.0.0.1:8787/n", false),
            ("http://127.1/n", false),
            ("http://[::1]:9/n", false),
            ("http://[::ffff:127.0.0.1]/n", false),
            ("http://localhost/n", false),
            ("http://10.0.0.1/n", false),
            ("http://172.16.0.1/n", false),
            ("http://192.168.1.1/n", false),
            ("http://[fd00::1]/n", false),
            ("http://[::ffff:10.0.0.1]/n", false),
            ("http://100.64.0.1/n", false),
            ("http://169.253.255.255/n", false),
            ("http://169.255.0.1/n", false),
            ("https://shop.example.com/n", false),
            ("http://8.8.8.8/n", false),
            ("http://[2606:4700::1111]/n", false),
            ("http://[fe7f::1]/n", false),
            ("http://[64:ff9b::127.0.0.1]/n", false),
            ("http://169.254.0.0/n", true),
            ("http://169.254.169.254/latest/meta-data", true),
            ("http://169.254.255.255/n", true),
            ("http://2852039166/n", true),
            ("http://0xa9fea9fe/n", true),
            ("http://0XA9FEA9FE/n", true),
            ("http://0251.0376.0251.0376/n", true),
            ("http://169.254.43518/n", true),
            ("http://169.254.169.254./n", true),
            ("http://１６９.254.169.254/n", true),
            ("http://[::ffff:169.254.169.254]/n", true),
            ("http://[::ffff:a9fe:a9fe]/n", true),
            ("http://[::169.254.169.254]/n", true),
            ("http://[64:ff9b::169.254.169.254]/n", true),
            ("http://[2002:a9fe:a9fe::]/n", true),
            ("http://[fe80::1]/n", true),
            ("http://[febf:ffff::1]/n", true),
            ("http://[fec0::1]/n", true),
            ("http://168.63.129.16/n", true),
            ("http://100.100.100.200/n", true),
            ("http://192.0.0.192/n", true),
            ("http://[fd00:ec2::254]/n", true),
            ("http://0.0.0.0/n", true),
            ("http://0/n", true),
            ("http://[::]/n", true),
            ("http://[::ffff:0.0.0.0]/n", true),
            ("http://224.0.0.1/n", true),
            ("http://255.255.255.255/n", true),
            ("http://[ff02::1]/n", true),
        ] {
            assert_eq!(names_off_limits(&Url::parse(url).expect(url)), off_limits, "{url}");
        }
    }
}
