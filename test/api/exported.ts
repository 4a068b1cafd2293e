import type { ExportJson } from '../../src/api/json.ts'
import { exportJson } from '../../src/api/routes-approvals.ts'
import { toBase64, toHex } from '../../src/base/index.ts'
import type { ExportResult } from '../../src/node/index.ts'
import type { KeyKind } from '../../src/wire/index.ts'

/** What a daemon would answer with. */
export function exportedJson(result: ExportResult, kind: KeyKind): ExportJson {
  const { id, act } = result.export
  const { type, name, version } = act
  return exportJson(result, kind, {
    ...{ id: toHex(id), proposer: '', reason: '', expiresMs: 0, state: 'done', needed: 2, approvals: [] },
    ...{ height: 1, timeMs: 1, closedMs: 1 },
    act: { type, name, version, keyId: toHex(act.keyId), recipient: toBase64(act.recipient) },
  })
}
