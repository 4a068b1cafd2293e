import { deepEqual, equal, match, throws } from 'node:assert/strict'
import { keyIdOf } from '../../src/audit/checkpoint.ts'
import {
  formatNote,
  noteText,
  originOf,
  parseNote,
  signCheckpoint,
  verifyCheckpoint,
} from '../../src/audit/index.ts'
import { fromBase64, peerIdOf, toBase64, toHex, utf8 } from '../../src/base/index.ts'
import { verifyEd25519 } from '../../src/crypto/index.ts'
import { SIGNING_TYPES, signingBytes } from '../../src/wire/index.ts'
import { identity, peerId, stranger } from './solo.ts'

const networkId = new Uint8Array(32).fill(0x1a)
const origin = originOf(networkId, peerId)
const head = { size: 20_852_163, root: new Uint8Array(32).fill(9) }
const checkpoint = signCheckpoint(identity, origin, head)
const note = formatNote(networkId, peerId, checkpoint)

describe('C2SP tlog-checkpoint', () => {
  it('is origin, size and root, and a signature over exactly these lines', () => {
    const text = `${origin}\n20852163\n${toBase64(head.root)}\n`
    equal(noteText(origin, head), text)
    equal(note.startsWith(`${text}\n— ${origin} `), true)
    const [, line] = /— \S+ (\S+)\n$/.exec(note)!
    const signature = fromBase64(line!, 'line')
    equal(signature.length, 4 + 64)
    equal(toHex(signature.slice(0, 4)), toHex(keyIdOf(origin, identity.publicKey)))
    equal(verifyEd25519(identity.publicKey, utf8(text), signature.slice(4)), true)
  })

  it('has the key id of C2SP signed-note: this one is Go’s sum.golang.org key', () => {
    const key = fromBase64('Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8', 'the root')
    equal(key[0], 1)
    equal(toHex(keyIdOf('sum.golang.org', key.slice(1))), '033de0ae')
  })

  it('is read back, among lines of signers that nobody knows', () => {
    deepEqual(parseNote(networkId, peerId, note), checkpoint)
    const cosigned = note.replace('\n— ', `\n— example.com/witness ${toBase64(new Uint8Array(80))}\n— `)
    deepEqual(parseNote(networkId, peerId, cosigned), checkpoint)
  })

  it('of another log, size, root or signer is refused', () => {
    throws(() => parseNote(networkId, stranger, note), { code: 'malformed' })
    throws(() => parseNote(new Uint8Array(32), peerId, note), { code: 'malformed' })
    throws(() => parseNote(networkId, peerId, note.replace('20852163', '20852164')), {
      code: 'bad_signature',
    })
    throws(() => parseNote(networkId, peerId, note.replace('20852163', '020852163')), { code: 'malformed' })
    throws(() => parseNote(networkId, peerId, note.replace('20852163\n', '')), { code: 'malformed' })
    throws(() => parseNote(networkId, peerId, note.slice(0, note.indexOf('— '))), { code: 'malformed' })
    equal(verifyCheckpoint(networkId, stranger, checkpoint), false)
    equal(verifyCheckpoint(networkId, peerId, { ...checkpoint, size: 1 }), false)
  })

  it('can pass for nothing else that a node signs', () => {
    match(peerIdOf(identity.publicKey), /^12D3KooW/)
    const text = toHex(utf8(noteText(origin, head)))
    for (const type of SIGNING_TYPES) {
      const domain = toHex(signingBytes(type, networkId, new Uint8Array(0))).slice(0, 20)
      equal(text.startsWith(domain), false)
    }
  })
})
