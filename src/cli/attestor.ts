import { join } from 'node:path'
import { MeasuredAttestor, Tpm2Attestor } from '../io/index.ts'
import type { Attestor } from '../trust/index.ts'
import type { AttestationMethod } from '../wire/index.ts'

/** How a daemon attests. */
export interface AttestOptions {
  readonly method: AttestationMethod
  readonly tcti?: string
  readonly pcrs?: readonly number[]
}

/** The attestor of the node in `dir`; undefined for the method `none`. */
export function attestorOf(dir: string, { method, ...tpm }: AttestOptions): Attestor | undefined {
  if (method === 'none') return undefined
  return method === 'measured' ? new MeasuredAttestor() : tpmOf(dir, tpm)
}

/** The attestor with the TPM key of the node in `dir`. */
export function tpmOf(dir: string, tpm: Omit<AttestOptions, 'method'>): Tpm2Attestor {
  return new Tpm2Attestor({ program: new MeasuredAttestor(), keyFile: join(dir, 'tpm2.json'), ...tpm })
}
