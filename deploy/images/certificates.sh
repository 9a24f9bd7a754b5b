#!/bin/sh
# Makes, once, a certificate authority and Elasticsearch's certificate in a folder: certificates.sh /certificates
# An office with its own authority puts ca.crt, elasticsearch.crt and elasticsearch.key there itself.
set -eu
cd "$1"
if [ -s elasticsearch.crt ]; then
  echo "certificates are there, valid until: $(openssl x509 -noout -enddate -in elasticsearch.crt | cut -d= -f2)"
  exit 0
fi
umask 077
openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 3650 -subj "/CN=Tingjian CA" -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey rsa:3072 -sha256 -nodes -subj "/CN=elasticsearch" -keyout elasticsearch.key -out request.csr 2>/dev/null
printf '%s\n' "subjectAltName=DNS:elasticsearch,DNS:localhost,IP:127.0.0.1" "extendedKeyUsage=serverAuth,clientAuth" >extensions
openssl x509 -req -sha256 -days 1095 -in request.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions \
  -out elasticsearch.part 2>/dev/null
rm -f request.csr extensions ca.srl
chmod 640 elasticsearch.key # for the group (root's) in which Elasticsearch's and Kibana's images run
chmod 644 ca.crt elasticsearch.part
mv elasticsearch.part elasticsearch.crt # last: its presence says that all is there
echo "made ca.crt, elasticsearch.crt and elasticsearch.key; ca.key signs the next one: keep it safe"
