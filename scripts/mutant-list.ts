// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these strings are samples of code
/** One deliberate bug: where `find` stands exactly once, `replace` takes its place, and one of `specs` must then fail. */
export interface Mutant {
  /** The check that it breaks. */
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly specs: readonly string[]
}

const CONTROL = ['test/control/*.spec.ts']
const SIMULATION = ['test/sim/durability.spec.ts', 'test/sim/simulation.spec.ts']
const OPERATIONS = ['test/keys/operations/*.spec.ts']

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'state proof: nobody whom the client knows need vouch for the header',
    file: 'src/control/state-proofs.ts',
    find: '    checkVouchedFor(networkId, known.validators, { header, certificate })\n',
    replace: '',
    specs: CONTROL,
  },
  {
    name: 'state proof: no quorum of those who vote need have decided on it',
    file: 'src/control/state-proofs.ts',
    find: '    checkCertifiedHeader(networkId, validators, { header, certificate })\n',
    replace: '',
    specs: CONTROL,
  },
  {
    name: 'vote persistence: votes are sent and never written',
    file: 'src/control/consensus.ts',
    find: "return [{ type: 'persist', writes: walWrites(this.#state) }, ...this.#effects]",
    replace: 'return this.#effects',
    specs: CONTROL,
  },
  {
    name: 'vote persistence: votes are sent before they are written',
    file: 'src/node/driver.ts',
    find: 'if (writes.length > 0) await this.#write(writes)',
    replace: 'if (writes.length > 0) void this.#write(writes)',
    specs: ['test/node/driver.spec.ts'],
  },
  {
    name: 'lock rule: line 29 accepts what contradicts the lock',
    file: 'src/control/consensus.ts',
    find: 'const isFree = state.lockedRound <= validRound || this.#isLocked(proposal.blockId)',
    replace: 'const isFree = true',
    specs: CONTROL,
  },
  {
    name: 'lock rule: line 23 accepts what contradicts the lock',
    file: 'src/control/consensus.ts',
    find: 'const isFree = state.lockedRound === -1 || this.#isLocked(proposal.blockId)',
    replace: 'const isFree = true',
    specs: CONTROL,
  },
  {
    name: 'certificate check: any number of signatures will do',
    file: 'src/control/certificates.ts',
    find: "if (signatures.length < quorumOf(validators.length)) refuse('too few signatures', certificate)",
    replace: '',
    specs: CONTROL,
  },
  {
    name: 'certificate check: signatures are not verified',
    file: 'src/control/certificates.ts',
    find: "if (!isVerified(precommit) && !verifySigned('precommit', networkId, precommit)) {",
    replace: 'if (false) {',
    specs: CONTROL,
  },
  {
    name: 'certificate check: one signer counts many times',
    file: 'src/control/certificates.ts',
    find: 'if (before !== undefined && compareBytes(before.signer, signer) >= 0) {',
    replace: 'if (false) {',
    specs: CONTROL,
  },
  {
    name: 'DLEQ check: every proof holds',
    file: 'src/crypto/dleq.ts',
    find: 'return group.isZeroScalar(group.scalarSubtract(expected, challenge))',
    replace: 'return true',
    specs: ['test/crypto/*.spec.ts'],
  },
  {
    name: 'dealing check: a share need not fit the commitments',
    file: 'src/crypto/dealing.ts',
    find: 'if (checkShare(dealt.group, dealt.commitments, dealt.slot, opened)) return opened',
    replace: 'return opened',
    specs: ['test/crypto/dealing.spec.ts', 'test/keys/ceremonies.spec.ts'],
  },
  {
    name: 'dealing check: a dealer need not know its secret',
    file: 'src/crypto/dealing.ts',
    find: 'if (!verifyPossession(group, elements[0]!, context, possession)) {',
    replace: 'if (false) {',
    specs: ['test/crypto/dealing.spec.ts', 'test/keys/ceremonies.spec.ts'],
  },
  {
    name: 'replay check: a request is served again and again',
    file: 'src/keys/operations/replay-window.ts',
    find: 'if (seen.uses >= this.#maxUses) {',
    replace: 'if (false) {',
    specs: OPERATIONS,
  },
  {
    name: 'replay check: another request may use the same nonce',
    file: 'src/keys/operations/replay-window.ts',
    find: 'if (!equalBytes(seen.digest, request.digest)) {',
    replace: 'if (false) {',
    specs: OPERATIONS,
  },
  {
    name: 'policy check: whoever asks is served',
    file: 'src/keys/operations/request.ts',
    find: 'if (rules.length === 0) {',
    replace: 'if (false) {',
    specs: OPERATIONS,
  },
  {
    name: "policy check: the principal's signature is not verified",
    file: 'src/keys/operations/request.ts',
    find: "if (!verifyEd25519(signed.signer, signingBytes('operation', networkId, bytes), signed.signature)) {",
    replace: 'if (false) {',
    specs: OPERATIONS,
  },
  {
    name: 'policy check: a holder trusts its gateway',
    file: 'src/keys/operations/holder.ts',
    find: 'state.limits.admit(checked, nowMs)',
    replace: '',
    specs: OPERATIONS,
  },
  {
    name: 'nonce consumption: nonces sign twice',
    file: 'src/crypto/frost-nonces.ts',
    find: "if (this.#isSpent) throw new OstrakaError('replayed', 'these signing nonces are spent')",
    replace: '',
    specs: ['test/crypto/frost-nonces.spec.ts'],
  },
  {
    name: 'canonical-bytes check: a value may have two encodings',
    file: 'src/wire/schema.ts',
    find: 'if (!equalBytes(again, bytes)) throw new OstrakaError(',
    replace: 'if (false) throw new OstrakaError(',
    specs: ['test/wire/*.spec.ts'],
  },
  {
    name: 'canonical-bytes check: unknown fields are let through',
    file: 'src/wire/schema.ts',
    find: 'if (!known.has(name)) refuse(path, `unknown field ${name}`)',
    replace: '',
    specs: ['test/wire/*.spec.ts'],
  },
  {
    name: 'share-store sync: shares are acknowledged before they are durable',
    file: 'src/node/driver.ts',
    find: 'await this.#ports.store.write(writes, { sync: true })',
    replace:
      "await this.#ports.store.write(writes, { sync: !writes.some(each => each.key.startsWith('keys/')) })",
    specs: SIMULATION,
  },
  {
    name: 'share-store sync: nothing is ever durable',
    file: 'src/node/driver.ts',
    find: 'await this.#ports.store.write(writes, { sync: true })',
    replace: 'await this.#ports.store.write(writes, { sync: false })',
    specs: SIMULATION,
  },
  {
    name: 'share-store sync: shares are acknowledged and never written',
    file: 'src/keys/receiving.ts',
    find: 'writes.push(keys.vault.lock(path, share, rng))',
    replace: '',
    specs: ['test/keys/ceremonies.spec.ts', ...SIMULATION],
  },
  {
    name: 'handing on: a dealer may deal another secret than its share',
    file: 'src/keys/handlers.ts',
    find: 'verifyDealing(group, ceremony.threshold, commitments, context, possession, constant)',
    replace: 'verifyDealing(group, ceremony.threshold, commitments, context, possession)',
    specs: ['test/keys/handoffs.spec.ts'],
  },
  {
    name: 'handing on: old shares are kept',
    file: 'src/keys/completing.ts',
    find: 'writes.push(...forgetShares(state, keyId, version.version, generation))',
    replace: '',
    specs: ['test/keys/handoffs.spec.ts'],
  },
  {
    name: 'versions: the shares of a destroyed one are kept',
    file: 'src/keys/completing.ts',
    find: 'const writes = forgetShares(work.state, keyId, version)',
    replace: 'const writes: Write[] = []',
    specs: ['test/keys/handoffs.spec.ts'],
  },
  {
    name: 'trust: one liar sets the score',
    file: 'src/trust/scores.ts',
    find: 'return opinions.sort((a, b) => a - b)[Math.floor(opinions.length / 2)]',
    replace: 'return opinions.sort((a, b) => a - b)[0]',
    specs: ['test/trust/scores.spec.ts'],
  },
  {
    name: 'evidence: conflicting votes need not be signed',
    file: 'src/keys/evidence-handler.ts',
    find: "return isSigned ? { culprit: voter, reason: 'equivocation' } : undefined",
    replace: "return { culprit: voter, reason: 'equivocation' }",
    specs: ['test/trust/evidence.spec.ts'],
  },
  {
    name: 'evidence: a convicted member stays',
    file: 'src/node/state.ts',
    find: 'atEnd: [removeConvicted, settleTrust',
    replace: 'atEnd: [settleTrust',
    specs: ['test/trust/evidence.spec.ts'],
  },
  {
    name: 'membership: an invite admits many',
    file: 'src/control/membership.ts',
    find: 'if (used !== undefined) {',
    replace: 'if (false) {',
    specs: ['test/control/membership.spec.ts'],
  },
  {
    name: 'audit: secrets are used although nothing can be written',
    file: 'src/node/auditing.ts',
    find: 'requireWritable(this.#auditing.log)',
    replace: '',
    specs: ['test/audit/*.spec.ts'],
  },
  {
    name: 'audit: a partial leaves before its entry is on disk',
    file: 'src/node/step.ts',
    find: "usesSecret(effect) ? { type: 'held', effect } : effect",
    replace: 'effect',
    specs: ['test/audit/*.spec.ts', 'test/node/*.spec.ts'],
  },
  {
    name: 'audit: a log may be rewritten as long as it grows',
    file: 'src/audit/proofs.ts',
    find: 'equalBytes(older, firstRoot) && equalBytes(newer, secondRoot)',
    replace: 'equalBytes(newer, secondRoot)',
    specs: ['test/audit/rfc6962-proofs.spec.ts'],
  },
  {
    name: 'repair: a version that comes out of its ceremony with a lost holder is forgotten',
    file: 'src/keys/version-rules.ts',
    find: '  queueIfLacking(ledger, version)',
    replace: '',
    specs: ['test/keys/handoffs.spec.ts'],
  },
]
