import { equalBytes, OstrakaError, type PeerId, publicKeyOf } from '../../base/index.ts'
import { sha256, verifySigned } from '../../crypto/index.ts'
import {
  type KeyKind,
  type Partial,
  type PartialRequest,
  partialRequestCodec,
  signedPartialCodec,
} from '../../wire/index.ts'
import { suiteOf } from '../kinds.ts'
import type { VersionRecord } from '../records.ts'
import { VersionMaterial, versionName } from './material.ts'
import { checkPartialRequest } from './partial-request.ts'
import { decodeInputs } from './request.ts'
import { areRightShares, hasShape, rightEvaluation } from './verdict.ts'

/**
 * A claim that `holder` sent a wrong partial. `version` must be the record of the version that the request numbers, of
 * the one key that has ever had a version under the name in the request.
 */
export interface BadPartialClaim {
  readonly networkId: Uint8Array
  readonly version: VersionRecord
  readonly kind: KeyKind
  readonly holder: PeerId
  /** Canonical `partial-request` and `partial` bytes. */
  readonly request: Uint8Array
  readonly partial: Uint8Array
}

/**
 * True when the holder is guilty: it signed an answer to exactly this request, an honest holder could have answered
 * that request, and the answer is not what an honest holder computes. Never throws.
 *
 * An honest holder is safe because it signs only answers that it has computed from its own share for requests that
 * pass `checkPartialRequest`, with commitments of its own nonces, and such an answer is right by construction. The
 * signature covers the request's hash, so an answer cannot be moved to another request, version or package; inputs
 * and packages that cannot be decoded convict nobody, as no honest holder answers them. The client's signature and the
 * policy are not looked at: they change with time, and whoever signs a wrong answer is not honest either way.
 */
export function judgeBadPartial(claim: BadPartialClaim): boolean {
  try {
    return isGuilty(claim)
  } catch {
    // Whatever cannot even be judged convicts nobody.
    return false
  }
}

function isGuilty({ networkId, version, kind, holder, request, partial }: BadPartialClaim): boolean {
  const asked = partialRequestCodec.decode(request)
  const answer = signedPartialCodec.decode(partial)
  const isTheirs =
    equalBytes(answer.signer, publicKeyOf(holder)) &&
    equalBytes(answer.value.requestHash, sha256(request)) &&
    verifySigned('partial', networkId, answer)
  if (!isTheirs || asked.version !== version.version || asked.generation !== version.generation) return false
  if (asked.request.value.operation !== suiteOf(kind).operation) return false
  checkPartialRequest(asked, version, holder)
  const material = new VersionMaterial(versionName(version), kind, version)
  return !isRight(material, asked, answer.value)
}

/** Whether this is what an honest holder answers. Errors: `malformed`, `too_large` for what it would not answer. */
function isRight(material: VersionMaterial, asked: PartialRequest, answer: Partial): boolean {
  const { operation, inputs } = asked.request.value
  if (inputs.length === 0) throw new OstrakaError('malformed', 'a request without inputs')
  const elements = decodeInputs(material.kind, asked.request.value)
  return (
    hasShape(asked, answer) &&
    answer.partials.every(one =>
      operation === 'sign'
        ? areRightShares(material, asked, one)
        : rightEvaluation(material, operation, elements, one) !== undefined,
    )
  )
}
