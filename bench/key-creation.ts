import type { Part } from './report.ts'

export const keyCreation: Part = { name: 'key-creation', title: 'key-creation', run: async () => {} }
