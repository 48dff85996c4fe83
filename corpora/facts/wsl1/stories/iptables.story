# iptables -L
# The firewall of Linux is in its kernel; iptables asks for the filter table through a raw socket. On WSL 1 packets go through Windows'
# own firewall, and there is no such table.
socket(AF_INET, SOCK_RAW, IPPROTO_RAW) -> 3
> getsockopt(3, SOL_IP, IPT_SO_GET_INFO, _, [84]) -> 0
close(3) -> 0
