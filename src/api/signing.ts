import { OstrakaError, type Rng, toBase64Url } from '../base/index.ts'
import { type SigningKey, signValue } from '../crypto/index.ts'
import {
  type ApiRequest,
  apiRequestCodec,
  type Codec,
  MAX_REQUEST_BYTES,
  type Operation,
  type OperationRequest,
  operationRequestSchema,
  type SealedDealing,
  type Signed,
  type SignedTransaction,
  sealedDealingCodec,
  type Transaction,
  transactionCodec,
} from '../wire/index.ts'
import { REQUEST_LIFETIME_MS } from './requests.ts'

/** Room for a request's nonce, names, framing and envelope beside its inputs. */
const FRAMING_BYTES = 2048

/** Decoding what was encoded applies every cap and check that receivers will apply. */
function checked<T>(codec: Codec<T>, value: T): T {
  codec.decode(codec.encode(value))
  return value
}

/** Errors: `malformed`, `too_large`. */
export function signTransaction(
  key: SigningKey,
  networkId: Uint8Array,
  value: Transaction,
): SignedTransaction {
  return checked(transactionCodec, signValue(key, 'transaction', networkId, value))
}

/** Errors: `malformed`, `too_large`. */
export function signDealing(
  key: SigningKey,
  networkId: Uint8Array,
  value: SealedDealing,
): Signed<SealedDealing> {
  return checked(sealedDealingCodec, signValue(key, 'sealed-dealing', networkId, value))
}

export interface OperationCall {
  readonly key: string
  readonly operation: Operation
  readonly inputs: readonly Uint8Array[]
  readonly version?: number
  readonly isBlinded?: boolean
}

/** The Authorization header of a request that has no signed body. Errors: `malformed`. */
export function signedAuthorization(key: SigningKey, networkId: Uint8Array, request: ApiRequest): string {
  const signed = checked(apiRequestCodec, signValue(key, 'api', networkId, request))
  return `Ostraka ${toBase64Url(apiRequestCodec.encode(signed))}`
}

/** A request with a fresh nonce that is valid for `REQUEST_LIFETIME_MS`. Errors: `malformed`, `too_large`. */
export function signOperation(
  key: SigningKey,
  networkId: Uint8Array,
  call: OperationCall,
  nowMs: number,
  rng: Rng,
): Signed<OperationRequest> {
  const request: OperationRequest = {
    key: call.key,
    version: call.version ?? 0,
    operation: call.operation,
    isBlinded: call.isBlinded ?? false,
    inputs: call.inputs,
    nonce: rng.bytes(16),
    expiresMs: nowMs + REQUEST_LIFETIME_MS,
  }
  operationRequestSchema.check(request, 'request')
  // a sum instead of an encoding: this is the path that every operation takes
  const sizeBytes = call.inputs.reduce((sum, input) => sum + input.length + 5, FRAMING_BYTES)
  if (sizeBytes > MAX_REQUEST_BYTES) {
    throw new OstrakaError('too_large', 'the inputs together are too long', { limit: MAX_REQUEST_BYTES })
  }
  return signValue(key, 'operation', networkId, request)
}
