import { createMemoryStore } from '@chatkit/store/memory';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { rmSync, mkdtempSync, chmodSync } from 'node:fs';
const dir = mkdtempSync('/tmp/probe/s-');
const stores = { memory: createMemoryStore(), sqlite: createSqliteStore({path: dir+'/a.db'}) };
const t = (id, created_at, extra={}) => ({ id, created_at, metadata: {}, status: {type:'active'}, ...extra });
const ctx = { userId: 'ada' };
for (const [name, s] of Object.entries(stores)) {
  const tri = async (label, f) => { try { const r = await f(); console.log(name, label, JSON.stringify(r)?.slice(0,120)); } catch (e) { console.log(name, label, 'THROWS', e.name, e.code, e.message.slice(0,150)); } };
  for (const at of ['9999-12-31T23:59:59.999999Z','0001-01-01T00:00:00Z','2500-01-01T00:00:00.123456Z','+275760-09-13T00:00:00.000Z','not a date','']) {
    await tri('save '+at, () => s.saveThread(t('th-'+at, at), ctx));
  }
  await tri('list', async () => (await s.listThreads({limit:10,order:'asc'},ctx)).data.map(x=>x.created_at));
  await tri('after', async () => (await s.listThreads({limit:10,order:'asc',after:'th-2500-01-01T00:00:00.123456Z'},ctx)).data.map(x=>x.created_at));
  await tri('after9999', async () => (await s.listThreads({limit:10,order:'desc',after:'th-9999-12-31T23:59:59.999999Z'},ctx)).data.map(x=>x.created_at));
  for (const id of ["'; DROP TABLE chatkit_thread; --", '"', '😀', 'x'.repeat(200), 'x'.repeat(201), 'x'.repeat(10000), 'a\0b', '\ud800', '%', '../..', '__proto__', 'constructor', 'é', 'é', 'A','a', ' a', 'a ']) {
    await tri('id '+JSON.stringify(id).slice(0,30), async () => { await s.saveThread(t(id,'2024-01-01T00:00:00Z'),ctx); await s.saveItem(id,{type:'hidden_context_item',id,thread_id:id,created_at:'2024-01-01T00:00:00Z',content:id},ctx); return (await s.loadItem(id,id,ctx)).id===id });
  }
  for (const limit of [0,-1,1.5,NaN,Infinity,2**53-1,2**53,1e300]) await tri('limit '+limit, async()=> (await s.listThreads({limit,order:'asc'},ctx)).data.length);
  for (const v of [2**31,2**53,1.5,-1,NaN,Infinity]) await tri('ifVersion '+v, async()=> s.saveThread(t('A','2024-01-01T00:00:00Z'),ctx,{ifVersion:v}));
  await tri('tx throws', async () => { try { await s.transaction(async (x)=>{ await x.saveThread(t('tx','2024-01-01T00:00:00Z'),ctx); throw new Error('no')},ctx)} catch(e){ return [e.message, await s.loadThread('tx',ctx).catch(e=>e.code)] } });
  for (const c of [null, '', 0, {}, {userId:''}, {userId:5}, {userId:'a\0'}]) await tri('ctx '+JSON.stringify(c), async()=> (await s.listThreads({limit:1,order:'asc'},c)).data.length);
}
