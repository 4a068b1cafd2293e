import { type SigningKey, signValue } from '../../crypto/index.ts'
import type { OperationRequest, Signed } from '../../wire/index.ts'

/** A principal's signature over what it asks. */
export function signOperation(
  networkId: Uint8Array,
  key: SigningKey,
  request: OperationRequest,
): Signed<OperationRequest> {
  return signValue(key, 'operation', networkId, request)
}
