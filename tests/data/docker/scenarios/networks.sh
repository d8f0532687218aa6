# SPDX-License-Identifier: Apache-2.0
# A second network comes and goes at run time; the default bridge; a container that starts with two networks.
d network create shop
d network create -o com.docker.network.bridge.name=back0 back
d run -d --name api --stop-timeout 0 --network shop --label app=api busybox
d run -d --name db --stop-timeout 0 busybox
d network connect back api
d network disconnect shop api
d create --name two --stop-timeout 0 --network shop busybox
d network connect back two
d start two
d rm -f two db
d network disconnect -f back api
