# SPDX-License-Identifier: Apache-2.0
# Ways to have no network of one's own, and a name that the engine invents.
d run -d --name owner --stop-timeout 0 busybox
d run -d --name sidecar --stop-timeout 0 --network container:owner busybox
d run -d --name host --stop-timeout 0 --network host busybox
d run -d --name none --stop-timeout 0 --network none busybox
d run -d --stop-timeout 0 --label com.docker.compose.service=job busybox true
