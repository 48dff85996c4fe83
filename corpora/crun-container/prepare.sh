#!/bin/bash
# Makes an OCI bundle whose root file system is a static busybox.
set -eu
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev bundle/rootfs/sys bundle/rootfs/tmp bundle/rootfs/etc
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
for name in sh echo hostname id cat ls ps mount; do ln -sf busybox "bundle/rootfs/bin/$name"; done
cd bundle
crun spec
jq '.process.terminal = false | .hostname = "boxed" | .process.rlimits = []
    | .process.args = ["sh", "-c", "echo hello from the container; hostname; id; cat /proc/self/cgroup; ls /dev; echo x > /tmp/x"]
    | .root.readonly = false' config.json > config.new
mv config.new config.json
