# Tunnel small, for RouterOS 7.18 and newer. Made by routed.fabric.
# Paste it as often as you like: it only adds what is not there.
# The tunnel. RouterOS makes the private key itself.
:if ([:len [/interface wireguard find where name="wg0"]] = 0) do={ /interface wireguard add name="wg0" listen-port=51820 mtu=1420 }
:if ([:len [/interface wireguard peers find where comment="small: peer hub"]] = 0) do={ /interface wireguard peers add interface="wg0" name="small-hub" public-key="IhYOkpqE0cIBclaR7zGLml/7BriPIMoMdjmM5dbkkGs=" allowed-address=10.0.0.0/8 comment="small: peer hub" }
# The public key, for the other end:
:put [/interface wireguard get [/interface wireguard find where name="wg0"] public-key]
