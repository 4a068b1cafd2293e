// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these strings are samples of code
import type { Mutant } from './mutant-list.ts'

const GOSSIP = ['test/io/gossip-abuse.spec.ts']

/** What guards a node against one member's gossip, records and connections, and against whoever reaches its port. */
export const NETWORK_MUTANTS: readonly Mutant[] = [
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
]
