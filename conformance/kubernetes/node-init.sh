#!/bin/sh
# PID 1 of the node, in PID, mount, network, cgroup, IPC and UTS namespaces of its own: makes them look like a machine,
# then waits. Ending it ends every process of the node.
#
# STATE: a directory for what a node keeps on its disk. NODE, NODE_IP, SERVICE_IP: its name and addresses.
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 run /run
mount --make-shared /run
mkdir -p /run/lock /run/netns
for pair in kubelet:/var/lib/kubelet containerd:/var/lib/containerd cni:/var/lib/cni cni-config:/etc/cni/net.d \
  kubernetes:/etc/kubernetes pod-logs:/var/log/pods container-logs:/var/log/containers; do
  mkdir -p "$STATE/${pair%%:*}" "${pair#*:}"
  mount --bind "$STATE/${pair%%:*}" "${pair#*:}"
done
mkdir -p /etc/kubernetes/manifests /opt/cni/bin
mount --bind /usr/lib/cni /opt/cni/bin
mount --make-shared /var/lib/kubelet
printf '127.0.0.1 localhost\n%s %s\n' "$NODE_IP" "$NODE" > "$STATE/hosts"
mount --bind "$STATE/hosts" /etc/hosts
: > "$STATE/resolv.conf"
mount --bind "$STATE/resolv.conf" /etc/resolv.conf
hostname "$NODE"

# The cgroup namespace begins at the node's own directories; mounts of it show them as the whole tree.
hierarchies=$(awk '$5 ~ "^/sys/fs/cgroup/" && / - cgroup / {n = split($5, path, "/"); print path[n] "=" $NF}' /proc/self/mountinfo)
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for one in $hierarchies; do
  mkdir -p "/sys/fs/cgroup/${one%%=*}"
  mount -t cgroup -o "$(echo "${one#*=}" | sed 's/^rw,//')" cgroup "/sys/fs/cgroup/${one%%=*}"
done
mkdir /sys/fs/cgroup/unified
mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified

# As systemd mounts it: what is written to its file `register` runs as root.
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2> /dev/null || :
# As systemd mounts it.
mount -t bpf -o mode=700 bpf /sys/fs/bpf

ip link set lo up
ip link add node0 type veth peer name node0-peer
ip link set node0-peer up
ip address add "$NODE_IP/24" dev node0
ip link set node0 up
# The kubelet takes the address of the interface with the default route.
ip route add default dev node0 src "$NODE_IP"
echo 1 > /proc/sys/net/ipv4/ip_forward
# kube-proxy's work, for the one Service that matters.
for chain in PREROUTING OUTPUT; do
  iptables -t nat -A "$chain" -d "$SERVICE_IP" -p tcp --dport 443 -j DNAT --to-destination "$NODE_IP:6443"
done
mount --make-rshared /
touch "$STATE/ready"
# A child that has lost its parent comes here; the shell reaps it as it waits.
while :; do sleep 1000000 & wait $! || :; done
