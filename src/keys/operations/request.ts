import { equalBytes, OstrakaError } from '../../base/index.ts'
import {
  decodeEncapsulation,
  type Element,
  type Group,
  groupByName,
  hashInput,
  type SigningKey,
  sha256,
  signValue,
  verifyEd25519,
} from '../../crypto/index.ts'
import {
  canonicalBytes,
  type KeyKind,
  MAX_INPUT_BYTES,
  MAX_INPUTS,
  type OperationRequest,
  type PolicyRule,
  refusalOf,
  type Signed,
  signingBytes,
} from '../../wire/index.ts'
import { requireOperation, suiteOf } from '../kinds.ts'
import { isOwnedBy } from '../network-key.ts'
import type { KeyRecord, VersionRecord } from '../records.ts'
import type { KeyDirectory } from './world.ts'

/** The longest life of a request: as long must everyone remember its nonce, and a capture of it is of use. */
const MAX_REQUEST_LIFE_MS = 5 * 60_000

/** How far a client's clock may run ahead of a holder's. */
const CLOCK_SKEW_MS = 5_000

/** One signer's line of a signing package on the wire: slot, two elements of 33 bytes, three field names. */
const PACKAGE_LINE_BYTES = 100

/** A signing request with its packages must fit one transport frame, with room for its envelope. */
const MAX_SIGNING_BYTES: number = 900 * 1024

/** The version, and the generation of its shares, that a gateway takes a request to mean. */
export interface ResolvedVersion {
  readonly version: number
  readonly generation: number
}

/** A request that its principal signed and may make, with what it names. */
export interface CheckedRequest {
  readonly request: OperationRequest
  readonly principal: Uint8Array
  /** SHA-256 of the canonical request. */
  readonly digest: Uint8Array
  readonly key: KeyRecord
  readonly version: VersionRecord
  /** Inputs per minute that the policy grants; undefined: unlimited. */
  readonly ratePerMinute: number | undefined
  /** derive and decrypt: each input as the element that the shares multiply. Empty for sign. */
  readonly elements: readonly Element[]
}

/** A principal's signature over what it asks. */
export function signOperation(
  networkId: Uint8Array,
  key: SigningKey,
  request: OperationRequest,
): Signed<OperationRequest> {
  return signValue(key, 'operation', networkId, request)
}

/**
 * Everything that a request itself decides, the same at the gateway and at every holder; what depends on earlier
 * requests is RequestLimits'. `resolved` is the version that a gateway says the request means; a holder must agree.
 * Errors: `malformed`, `too_large`, `expired`, `bad_signature`, `unknown_key`, `wrong_kind`, `unknown_version`,
 * `version_expired`, `pending_destruction`, `version_destroyed`, `forbidden`.
 */
export function checkRequest(
  directory: KeyDirectory,
  networkId: Uint8Array,
  signed: Signed<OperationRequest>,
  nowMs: number,
  resolved?: ResolvedVersion,
): CheckedRequest {
  const { value: request, signer: principal } = signed
  checkSizes(request)
  checkExpiry(request, nowMs)
  const digest = verifiedDigest(networkId, signed)
  const key = directory.keyByName(request.key)
  if (key === undefined) throw new OstrakaError('unknown_key', 'no such key', { key: request.key })
  requireOperation(key.kind, request.operation)
  const version = resolveVersion(directory, key, request, resolved)
  const ratePerMinute = checkPolicy(key, request, principal, nowMs)
  if (request.operation === 'sign') checkPackageSize(request, version)
  const elements = decodeInputs(key.kind, request)
  return { request, principal, digest, key, version, ratePerMinute, elements }
}

function checkSizes({ inputs, isBlinded, operation }: OperationRequest): void {
  if (inputs.length === 0) throw new OstrakaError('malformed', 'a request has at least one input')
  if (inputs.length > MAX_INPUTS) {
    throw new OstrakaError('too_large', 'too many inputs', { inputs: inputs.length, limit: MAX_INPUTS })
  }
  const sizeBytes = sizeOf(inputs)
  if (sizeBytes > MAX_INPUT_BYTES) {
    throw new OstrakaError('too_large', 'the inputs are too long', { sizeBytes, limit: MAX_INPUT_BYTES })
  }
  if (isBlinded && operation !== 'derive') {
    throw new OstrakaError('malformed', 'only derive takes blinded inputs', { operation })
  }
}

function checkExpiry({ expiresMs }: OperationRequest, nowMs: number): void {
  if (expiresMs <= nowMs) {
    throw new OstrakaError('expired', 'the request has expired', { expiresMs, nowMs })
  }
  if (expiresMs > nowMs + MAX_REQUEST_LIFE_MS + CLOCK_SKEW_MS) {
    throw new OstrakaError('malformed', 'the request expires too far ahead', {
      expiresMs,
      nowMs,
      limitMs: MAX_REQUEST_LIFE_MS,
    })
  }
}

/**
 * Values are never changed once made, so a node that is gateway and holder of one request verifies it once.
 * Weak: an entry lives as long as its request.
 */
const verified = new WeakMap<Signed<OperationRequest>, { networkId: Uint8Array; digest: Uint8Array }>()

function verifiedDigest(networkId: Uint8Array, signed: Signed<OperationRequest>): Uint8Array {
  const known = verified.get(signed)
  if (known !== undefined && equalBytes(known.networkId, networkId)) return known.digest
  const bytes = canonicalBytes(signed.value)
  if (!verifyEd25519(signed.signer, signingBytes('operation', networkId, bytes), signed.signature)) {
    throw new OstrakaError('bad_signature', 'the principal did not sign this request')
  }
  const digest = sha256(bytes)
  verified.set(signed, { networkId, digest })
  return digest
}

/** The digest of a request whose signature has been checked here; undefined when it has not. */
export function knownDigest(signed: Signed<OperationRequest>): Uint8Array | undefined {
  return verified.get(signed)?.digest
}

function resolveVersion(
  directory: KeyDirectory,
  key: KeyRecord,
  request: OperationRequest,
  resolved: ResolvedVersion | undefined,
): VersionRecord {
  const wanted = request.version === 0 ? key.activeVersion : request.version
  const version = directory.version(key.keyId, wanted)
  const refusal =
    version && refusalOf(version.state, { key: key.name, version: wanted, active: key.activeVersion })
  if (refusal !== undefined) throw refusal
  const isUsable =
    version !== undefined &&
    (version.state === 'active' || (version.state === 'archived' && request.operation !== 'sign'))
  const isMeant =
    resolved === undefined || (resolved.version === wanted && resolved.generation === version?.generation)
  if (!isUsable || !isMeant) {
    const details = { key: key.name, version: resolved?.version ?? wanted, active: key.activeVersion }
    throw new OstrakaError('unknown_version', 'no such version that can do this', details)
  }
  return version
}

/** The rate that the most generous rule grants; undefined for no limit. The owner needs no rule. */
function checkPolicy(
  key: KeyRecord,
  request: OperationRequest,
  principal: Uint8Array,
  nowMs: number,
): number | undefined {
  if (isOwnedBy(key, principal)) return undefined
  const rules = key.rules.filter(rule => permits(rule, request, principal, nowMs))
  if (rules.length === 0) {
    throw new OstrakaError('forbidden', "the key's policy does not let this principal do this", {
      key: key.name,
      operation: request.operation,
    })
  }
  const rate = Math.max(...rules.map(rule => rule.ratePerMinute ?? Number.POSITIVE_INFINITY))
  return rate === Number.POSITIVE_INFINITY ? undefined : rate
}

function permits(rule: PolicyRule, request: OperationRequest, principal: Uint8Array, nowMs: number): boolean {
  const isCurrent = rule.untilMs === undefined || nowMs <= rule.untilMs
  return isCurrent && rule.operations.includes(request.operation) && equalBytes(rule.principal, principal)
}

function checkPackageSize({ inputs }: OperationRequest, { threshold }: VersionRecord): void {
  const sizeBytes = sizeOf(inputs) + inputs.length * threshold * PACKAGE_LINE_BYTES
  if (sizeBytes > MAX_SIGNING_BYTES) {
    throw new OstrakaError('too_large', 'too many inputs for this threshold', {
      sizeBytes,
      limit: MAX_SIGNING_BYTES,
    })
  }
}

/** derive: hashed to the group, or decoded when blinded; decrypt: lifted to the curve. Errors: `malformed`, `too_large`. */
export function decodeInputs(kind: KeyKind, request: OperationRequest): Element[] {
  if (request.operation === 'sign') return []
  const group = groupByName(suiteOf(kind).group)
  return request.inputs.map(input => decodeInput(group, request, input))
}

function decodeInput(group: Group, request: OperationRequest, input: Uint8Array): Element {
  if (request.operation === 'decrypt') return decodeEncapsulation(group, input)
  return request.isBlinded ? group.decode(input) : hashInput(group, input)
}

function sizeOf(inputs: readonly Uint8Array[]): number {
  return inputs.reduce((sum, input) => sum + input.length, 0)
}
