"""First ledger"""

import sqlalchemy as sa
from alembic import op

from brandloom.ledger.schema import Utc

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('previous', sa.String(length=64), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_audit')),
    sa.UniqueConstraint('digest', name=op.f('uq_audit_digest'))
    )
    op.create_table('consents',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('purpose', sa.String(length=32), nullable=False),
    sa.Column('granted', sa.Boolean(), nullable=False),
    sa.Column('wording', sa.Text(), nullable=False),
    sa.Column('wording_hash', sa.String(length=64), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents'))
    )
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_consents_customer_channel_purpose_id'), ['customer', 'channel', 'purpose', 'id'], unique=False)

    op.create_table('loads',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('rows_read', sa.BigInteger(), nullable=False),
    sa.Column('rows_new', sa.BigInteger(), nullable=False),
    sa.Column('rows_known', sa.BigInteger(), nullable=False),
    sa.Column('rows_refused', sa.BigInteger(), nullable=False),
    sa.Column('rejects', sa.Text(), nullable=True),
    sa.Column('detail', sa.Text(), server_default='{}', nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_loads'))
    )
    op.create_table('lookups',
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('customer', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'digest', 'customer', name=op.f('pk_lookups'))
    )
    with op.batch_alter_table('lookups', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lookups_customer'), ['customer'], unique=False)

    op.create_table('people',
    sa.Column('customer', sa.String(length=40), nullable=False),
    sa.Column('key_id', sa.Integer(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('updated_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('customer', name=op.f('pk_people'))
    )
    op.create_table('plans',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('as_of', Utc(), nullable=False),
    sa.Column('brief', sa.Text(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plans'))
    )
    op.create_table('suppressions',
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'digest', name=op.f('pk_suppressions'))
    )
    op.create_table('approvals',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('plan', sa.String(length=32), nullable=False),
    sa.Column('approved_by', sa.Text(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('at', Utc(), nullable=False),
    sa.ForeignKeyConstraint(['plan'], ['plans.id'], name=op.f('fk_approvals_plan')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approvals'))
    )
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('plan', sa.String(length=32), nullable=False),
    sa.Column('customer', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.Column('variant', sa.Text(), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('products', sa.Text(), nullable=False),
    sa.Column('message_id', sa.String(length=128), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('not_before', Utc(), nullable=False),
    sa.Column('owner', sa.String(length=128), nullable=True),
    sa.Column('lease_until', Utc(), nullable=True),
    sa.Column('state_at', Utc(), nullable=False),
    sa.ForeignKeyConstraint(['plan'], ['plans.id'], name=op.f('fk_outbox_plan')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('message_id', name=op.f('uq_outbox_message_id')),
    sa.UniqueConstraint('plan', 'address', 'channel', 'step', name=op.f('uq_outbox_plan_address_channel_step')),
    sa.UniqueConstraint('plan', 'customer', 'channel', 'step', name=op.f('uq_outbox_plan_customer_channel_step'))
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outbox_customer_state_state_at'), ['customer', 'state', 'state_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_outbox_address_state_state_at'), ['address', 'state', 'state_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_outbox_plan_state_not_before_id'), ['plan', 'state', 'not_before', 'id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outbox_plan_state_not_before_id'))
        batch_op.drop_index(batch_op.f('ix_outbox_address_state_state_at'))
        batch_op.drop_index(batch_op.f('ix_outbox_customer_state_state_at'))

    op.drop_table('outbox')
    op.drop_table('approvals')
    op.drop_table('suppressions')
    op.drop_table('plans')
    op.drop_table('people')
    with op.batch_alter_table('lookups', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lookups_customer'))

    op.drop_table('lookups')
    op.drop_table('loads')
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_consents_customer_channel_purpose_id'))

    op.drop_table('consents')
    op.drop_table('audit')
