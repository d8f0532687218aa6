# SPDX-License-Identifier: Apache-2.0
# One container on a user-defined dual-stack bridge: run, pause, rename, restart, stop, start, remove.
d network create --ipv6 shop
d run -d --name web --stop-timeout 0 --network shop --label app=web --label image=fake -p 127.0.0.1:8080:80 -p 8443:443 -p 53:53/udp busybox
d pause web
d unpause web
d rename web frontend
d restart frontend
d stop frontend
d start frontend
d rm -f frontend
d network rm shop
