#!/bin/sh
# Makes the keys of these tests anew: a test CA, a broker called "localhost", a client, and a stranger's CA.
# They protect nothing; they are committed so that the tests need no openssl.
set -eu
days=36500
ca() {
    openssl req -x509 -newkey rsa:2048 -nodes -days $days -subj "/CN=$1" -keyout "$1.key" -out "$1.crt"
}
signed() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
    printf 'subjectAltName=DNS:%s\n' "$1" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA test-ca.crt -CAkey test-ca.key -CAcreateserial -days $days -extfile "$1.ext" -out "$1.crt"
}
ca test-ca
ca strange-ca
signed localhost
signed client
rm -f ./*.csr ./*.ext ./*.srl test-ca.key strange-ca.key
