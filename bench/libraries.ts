// Loads what a daemon stands on, and nothing of Ostraka; prints this process's resident memory in bytes.
import '@chainsafe/libp2p-noise'
import '@chainsafe/libp2p-yamux'
import '@ipld/dag-cbor'
import '@libp2p/gossipsub'
import '@libp2p/identify'
import '@libp2p/kad-dht'
import '@libp2p/ping'
import '@libp2p/tcp'
import '@libp2p/tls'
import '@noble/curves/ed25519.js'
import '@noble/curves/secp256k1.js'
import 'classic-level'
import 'commander'
import 'datastore-level'
import 'fastify'
import 'libp2p'
import 'pino'
import 'prom-client'
import sodium from 'libsodium-wrappers-sumo'

await sodium.ready
console.log(process.memoryUsage.rss())
