import { OstrakaError } from '../base/index.ts'
import type { NodePort } from './port.ts'

/** Below the idle limits of common proxies. */
export const MAX_WAIT_MS = 30_000

/**
 * Waits up to `waitMs` until the node has applied the block at `height`; whether it has.
 * Errors: `deadline_exceeded` when the client went away.
 */
export async function untilHeight(
  port: NodePort,
  height: number,
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (height <= port.status().height) return true
  if (waitMs === 0) return false
  if (signal.aborted) throw new OstrakaError('deadline_exceeded', 'the client went away')
  return new Promise<boolean>(resolve => {
    const end = (came: boolean): void => {
      clearTimeout(timer)
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
      resolve(came)
    }
    const onAbort = (): void => end(false)
    const timer = setTimeout(() => end(false), waitMs)
    const unsubscribe = port.onBlock(({ block }) => {
      if (block.header.height >= height) end(true)
    })
    signal.addEventListener('abort', onAbort)
  })
}
