import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  equalBytes,
  type Gossip,
  type PeerId,
  peerIdOf,
  Secret,
  type Transport,
} from '../../src/base/index.ts'
import { addressBook } from '../../src/cli/daemon.ts'
import { networkIdText, readGenesis } from '../../src/cli/genesis-file.ts'
import { measureLoad } from '../../src/cli/load.ts'
import { followMembers, membershipOf } from '../../src/cli/membership.ts'
import { nodeFiles, openNode } from '../../src/cli/node-directory.ts'
import { networkIdOf } from '../../src/control/index.ts'
import { createLogger, type Io, startIo } from '../../src/io/index.ts'
import { recordKeyOf } from '../../src/keys/index.ts'
import { type RunningNode, startNode } from '../../src/node/index.ts'
import { type Liar, otherVote, spoiltPartial } from '../../src/sim/lies.ts'
import { peerAnswerCodec, peerMessageCodec } from '../../src/wire/index.ts'
import { deafToItself, tellTwoStories } from './two-faced-gossip.ts'

/**
 * A daemon as any other, of the same parts, but for what stands between its node and the wires: it votes twice
 * (`equivocation`), says two things in one beacon (`conflicting-beacons`) or answers with wrong partials (`bad-partial`).
 * Arguments: directory, passphrase file, multiaddr, misdeed. Ends with its parent.
 */
async function main(dir: string, passphraseFile: string, listen: string, misdeed: string): Promise<void> {
  const passphrase = new Secret(new Uint8Array(Buffer.from(readFileSync(passphraseFile, 'utf8').trim())))
  const secrets = await openNode(dir, passphrase)
  const genesis = await readGenesis(nodeFiles(dir).genesis)
  const { identity } = secrets
  const peers = addressBook(JSON.parse(readFileSync(join(dir, 'peers.json'), 'utf8')))
  const liar: Liar = { identity, networkId: networkIdOf(genesis) }
  if (misdeed === 'conflicting-beacons') await tellTwoStories(liar)
  let node: RunningNode | undefined
  const logger = createLogger({ level: 'info', isPretty: false })
  const io = await startIo({
    identitySeed: secrets.identitySeed,
    networkId: networkIdText(genesis),
    directory: dir,
    listen: [listen],
    ...membershipOf(genesis, peers, peerIdOf(identity.publicKey), () => node),
    addresses: peers,
    recordKey: recordKeyOf,
    recordJudge: () => node?.recordJudge,
    logger,
  })
  node = await startNode({
    genesis,
    identity,
    sealingKeys: secrets.sealingKeys,
    storageKey: secrets.storageKey,
    software: 'ostraka/byzantine',
    beaconIntervalMs: Math.floor(genesis.timing.epochMs / 4),
    ports: { ...io, ...mouthOf(io, liar, misdeed) },
    logger,
    measureLoad: measureLoad(),
  })
  followMembers(io, node)
  process.once('disconnect', () => process.exit(0))
}

/** The ports through which it lies. */
function mouthOf(
  { transport, gossip }: Io,
  liar: Liar,
  misdeed: string,
): { readonly transport: Transport } | { readonly gossip: Gossip } {
  switch (misdeed) {
    case 'equivocation':
      return { transport: votingTwice(transport, liar) }
    case 'conflicting-beacons':
      return { gossip: deafToItself(gossip, liar) }
    case 'bad-partial':
      return { transport: answeringWrong(transport, liar) }
    default:
      throw new Error(`no such misdeed: ${misdeed}`)
  }
}

/** Every second peer hears that it has voted for something else. */
function votingTwice(transport: Transport, liar: Liar): Transport {
  const sides = new Map<PeerId, boolean>()
  return {
    start: handlers => transport.start(handlers),
    request: (to, frame, deadlineMs) => transport.request(to, frame, deadlineMs),
    cutOff: (peerId, forMs) => transport.cutOff(peerId, forMs),
    stop: () => transport.stop(),
    send(to, frame) {
      const message = peerMessageCodec.decode(frame)
      const isOwn = message.type === 'vote' && equalBytes(message.vote.signer, liar.identity.publicKey)
      const side = sides.get(to) ?? sides.size % 2 === 1
      sides.set(to, side)
      transport.send(to, isOwn && side ? otherVote(liar, message) : frame)
    },
  }
}

function answeringWrong(transport: Transport, liar: Liar): Transport {
  return {
    send: (to, frame) => transport.send(to, frame),
    request: (to, frame, deadlineMs) => transport.request(to, frame, deadlineMs),
    cutOff: (peerId, forMs) => transport.cutOff(peerId, forMs),
    stop: () => transport.stop(),
    start: handlers =>
      transport.start({
        message: (from, frame) => handlers.message(from, frame),
        peer: (peerId, isConnected) => handlers.peer(peerId, isConnected),
        async request(from, frame) {
          const bytes = await handlers.request(from, frame)
          const answer = peerAnswerCodec.decode(bytes)
          return answer.type === 'partial' ? spoiltPartial(liar, answer) : bytes
        },
      }),
  }
}

const [dir, passphraseFile, listen, misdeed] = process.argv.slice(2)
await main(dir!, passphraseFile!, listen!, misdeed!)
