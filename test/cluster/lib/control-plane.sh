# shellcheck shell=bash
# etcd, API server, controller manager, scheduler, and the certificates of everybody.

certificate() { # certificate NAME SUBJECT [SANS]
  local pki=$state/pki
  [ ! -f "$pki/$1.crt" ] || return 0
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1.key" -out "$pki/$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 -out "$pki/$1.new" \
    -extfile <(
      echo "subjectAltName=${3:-DNS:$1}"
      echo extendedKeyUsage=serverAuth,clientAuth
    ) 2>/dev/null
  mv "$pki/$1.new" "$pki/$1.crt"
}

kubeconfig() { # kubeconfig NAME: for the certificate of that name, self-contained
  local pki=$state/pki
  (
    umask 077
    cat >"$state/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://$api:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
contexts: [{name: local, context: {cluster: local, user: $1}}]
current-context: local
YAML
  )
}

certificates() {
  local pki=$state/pki name
  mkdir -p "$pki"
  chmod 700 "$pki"
  if [ ! -f "$pki/sa.pub" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/ca.key" -out "$pki/ca.crt" -subj /CN=cluster-ca -days 30 2>/dev/null
    openssl genrsa -out "$pki/sa.key" 2048 2>/dev/null
    openssl rsa -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
  fi
  certificate apiserver /CN=kube-apiserver "IP:$api,IP:10.96.0.1,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
  certificate admin /O=system:masters/CN=admin
  certificate controller-manager /CN=system:kube-controller-manager
  certificate scheduler /CN=system:kube-scheduler
  certificate proxy /CN=system:kube-proxy
  certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client
  for name in admin controller-manager scheduler proxy; do kubeconfig "$name"; done
}

start_etcd() {
  local clients=http://127.0.0.1:$etcd_port peers=http://127.0.0.1:$((etcd_port + 1))
  running etcd || start etcd "$bin/etcd" --data-dir "$state/etcd" --listen-client-urls "$clients" --advertise-client-urls "$clients" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers"
}

start_apiserver() { # leaves a running one alone; returns when it is ready
  local pki=$state/pki
  # shellcheck disable=SC2086 # APISERVER_FLAGS is a list of flags
  running apiserver || start apiserver "$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" \
    --secure-port=6443 --bind-address="$api" --advertise-address="$api" \
    --service-cluster-ip-range=10.96.0.0/16 --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" --client-ca-file="$pki/ca.crt" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --cert-dir="$pki" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --kubelet-client-certificate="$pki/kubelet-client.crt" --kubelet-client-key="$pki/kubelet-client.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --audit-policy-file="$here/audit-policy.yaml" --audit-log-path="$state/log/audit.jsonl" --audit-log-maxsize=2000 \
    --feature-gates=EvictionRequestAPI=true --runtime-config=lifecycle.k8s.io/v1alpha1=true ${APISERVER_FLAGS:-}
  wait_for 60 "the API server" kubectl get --raw /readyz
}

start_controllers() {
  local name
  for name in controller-manager scheduler; do
    running "$name" && continue
    local config=$state/$name.kubeconfig flags=()
    [ "$name" = scheduler ] || flags=(--service-account-private-key-file="$state/pki/sa.key" --root-ca-file="$state/pki/ca.crt"
      --use-service-account-credentials=true --allocate-node-cidrs=false --feature-gates=EvictionRequestAPI=true)
    start "$name" "$bin/kube-$name" --kubeconfig="$config" --authentication-kubeconfig="$config" --authorization-kubeconfig="$config" \
      --leader-elect=false --bind-address="$api" "${flags[@]}"
  done
}

control_plane() {
  certificates
  start_etcd
  start_apiserver
  start_controllers
}

stop_control_plane() {
  local label
  for label in scheduler controller-manager apiserver etcd; do stop "$label" KILL; done
}

restart_apiserver() { # restart_apiserver [SECONDS]
  known_slot || die "no cluster in $state"
  stop apiserver KILL
  sleep "${1:-0}"
  start_apiserver
}
