// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these strings are samples of code
import type { Mutant } from './mutant-list.ts'

const GOSSIP = ['test/io/gossip-abuse.spec.ts']
const KEPT = ['test/io/kept-records.spec.ts']

/** What guards a node against one member's gossip, records and connections, and against whoever reaches its port. */
export const NETWORK_MUTANTS: readonly Mutant[] = [
  {
    name: 'muxer: a peer opens streams and pings without end',
    file: 'src/io/muxing.ts',
    find: 'if (!answers.pass(frame)) {',
    replace: 'if (false) {',
    specs: ['test/io/muxing.spec.ts'],
  },
  {
    name: 'gossip: every topic is taken',
    file: 'src/io/gossip-reading.ts',
    find: 'if (!rpc.messages.every(({ topic }) => ports.isTopic(topic)))',
    replace: 'if (false)',
    specs: GOSSIP,
  },
  {
    name: 'gossip: inflated messages may be longer than their topic allows',
    file: 'src/io/deflation.ts',
    find: 'const maxOutputLength = Math.min(limitBytes, MAX_DEFLATED_BYTES)',
    replace: 'const maxOutputLength = 2 ** 30',
    specs: ['test/io/deflation.spec.ts'],
  },
  {
    name: 'gossip: plain messages may be longer than their topic allows',
    file: 'src/io/deflation.ts',
    find: "if (body.length > limitBytes) throw new Error('longer than any message of its topic')",
    replace: '',
    specs: ['test/io/deflation.spec.ts'],
  },
  {
    name: 'gossip: what cannot be inflated costs its sender nothing',
    file: 'src/io/gossip-reading.ts',
    find: 'misconduct.note(from, `gossip on ${topic} of the wrong form`)',
    replace: '',
    specs: GOSSIP,
  },
  {
    name: 'gossip: what a judge rejects costs its sender nothing',
    file: 'src/io/gossip.ts',
    find: "if (verdict === 'reject')",
    replace: 'if (false)',
    specs: GOSSIP,
  },
  {
    name: 'gossip: what a judge ignores costs its sender',
    file: 'src/io/gossip.ts',
    find: "if (verdict === 'reject')",
    replace: "if (verdict !== 'accept')",
    specs: GOSSIP,
  },
  {
    name: 'gossip: a peer is read as fast as it sends',
    file: 'src/io/gossip-reading.ts',
    find: 'if (debtMs > 0) {',
    replace: 'if (false) {',
    specs: GOSSIP,
  },
  {
    name: 'gossip: a block whose body is not its header’s is forwarded',
    file: 'src/control/log.ts',
    find: "if (!isWhole(certified)) return 'reject'",
    replace: '',
    specs: ['test/control/blocks.spec.ts'],
  },
  {
    name: 'gossip: a block that other voters certified counts against its neighbour',
    file: 'src/control/log.ts',
    find: "return isForged(networkId, validators, certified) ? 'reject' : 'ignore'",
    replace: "return 'reject'",
    specs: ['test/control/blocks.spec.ts'],
  },
  {
    name: 'connections: a peer that was sent away is let in again at once',
    file: 'src/io/host.ts',
    find: 'if (options.isMember(peerId)) return sentAway.has(peerId)',
    replace: 'if (options.isMember(peerId)) return false',
    specs: GOSSIP,
  },
  {
    name: 'DHT: what the log does not pin yet goes to the disk',
    file: 'src/io/kept-records.ts',
    find: "if (standing === 'pinned') {",
    replace: 'if (true) {',
    specs: KEPT,
  },
  {
    name: 'DHT: a record that its dealer did not sign costs its sender nothing',
    file: 'src/io/kept-records.ts',
    find: "      this.#options.misconduct.note(from, 'a record that its dealer did not sign')\n",
    replace: '',
    specs: KEPT,
  },
  {
    name: 'DHT: what nothing needs any more stays',
    file: 'src/io/kept-records.ts',
    find: "if (claim !== undefined && judge.standing(claim) === 'pinned') continue",
    replace: 'if (claim !== undefined) continue',
    specs: KEPT,
  },
  {
    name: 'DHT: a log that comes a second time deletes what it will pin',
    file: 'src/io/kept-records.ts',
    find: 'if (judge === undefined || judge.isBehind()) return true',
    replace: 'if (judge === undefined) return true',
    specs: KEPT,
  },
  {
    name: 'DHT: one peer fills the memory for records of unknown ceremonies',
    file: 'src/keys/early-records.ts',
    find: '      ofPeer + bytes <= MAX_UNKNOWN_BYTES_PER_PEER &&\n',
    replace: '',
    specs: ['test/keys/early-records.spec.ts'],
  },
  {
    name: 'DHT: a dealer has many records in one ceremony',
    file: 'src/keys/early-records.ts',
    find: '!this.#places.has(claim.place) && ',
    replace: '',
    specs: ['test/keys/early-records.spec.ts'],
  },
  {
    name: 'DHT: provider records are stored',
    file: 'src/io/dht-requests.ts',
    find: '    ADD_PROVIDER: refused,\n    GET_PROVIDERS: refused,\n',
    replace: '    ...rpc.handlers,\n',
    specs: ['test/io/dht-abuse.spec.ts'],
  },
  {
    name: 'connections: one address begins as many handshakes as it likes',
    file: 'src/io/admission.ts',
    find: 'allowance.take(1, nowMs) && ',
    replace: '',
    specs: ['test/io/admission.spec.ts'],
  },
  {
    name: 'DHT: a record of a pinned hash may name another key',
    file: 'src/keys/record-pins.ts',
    find: "if (!equalBytes(ceremony.keyId, keyId) || ceremony.version !== number) return 'over'",
    replace: '',
    specs: ['test/keys/record-pins.spec.ts'],
  },
]
