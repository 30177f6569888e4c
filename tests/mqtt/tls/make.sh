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
# One that ended in 2020: "openssl req" and "x509" cannot date back, "ca" can.
expired() {
    printf '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=any\nx509_extensions=san\n[any]\ncommonName=supplied\n[san]\nsubjectAltName=DNS:localhost\nbasicConstraints=CA:TRUE\n' >ca.cnf
    : >index.txt
    echo 01 >serial
    openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout expired.key -out expired.csr
    openssl ca -batch -selfsign -config ca.cnf -keyfile expired.key -in expired.csr -startdate 20200101000000Z -enddate 20200102000000Z -notext -out expired.crt
    rm -f ca.cnf index.txt* serial* 01.pem
}
expired
rm -f ./*.csr ./*.ext ./*.srl test-ca.key strange-ca.key
