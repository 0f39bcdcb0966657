//! The way out of an abnormal refund, and the sensitive fields that it needs: encrypted with WeChat Pay's key on their way
//! up, opened with the merchant's own on their way down.

use super::absent;
use crate::console::Console;
use crate::merchants::Profile;
use crate::orders::facts;
use crate::orders::state::RefundState;
use crate::patrol;
use crate::problem;
use crate::secret::Secret;
use crate::store::{RefundRow, StoreError};
use crate::wire::{AbnormalInput, CertificateInfo, Problem, Refund, SensitiveField};
use std::sync::Arc;
use wechatpay::api::refund::{AbnormalRefund, Destination};
use wechatpay::ids::{OutRefundNo, RefundId};
use wechatpay::time::beijing;

impl Console {
    /// Says where the money of an abnormal refund shall go. It stays `ABNORMAL` until WeChat Pay says that it got there.
    ///
    /// # Errors
    /// `REFUND_NOT_FOUND`, `REFUND_NOT_ABNORMAL`, `INVALID_FIELD`, `LIVE_READ_ONLY`, `NO_ENCRYPTION_KEY`; WeChat Pay's
    /// own codes.
    pub async fn refund_abnormal(
        &self,
        m: Option<&str>,
        out_refund_no: &str,
        input: AbnormalInput,
    ) -> Result<Refund, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        profile.may_write()?;
        let (mchid, no) = (profile.mchid.to_string(), out_refund_no.to_owned());
        let found = self.desk.store.read(move |view| {
            let Some(refund) = view.refund(&mchid, &no)? else { return Ok::<_, StoreError>(None) };
            Ok(view.order_at(refund.order_id)?.map(|order| (order, refund)))
        });
        let (order, refund) = found.await?.ok_or_else(|| absent(out_refund_no))?;
        let Some(refund_id) = refund.refund_id.as_deref().filter(|_| refund.status == RefundState::Abnormal) else {
            return Err(not_abnormal(&refund));
        };
        let profile = self.with_encryption_key(profile).await?;
        let (destination, encrypted_for) = self.destination(&profile, input)?;
        let call = AbnormalRefund {
            refund_id: RefundId::parse(refund_id)?,
            out_refund_no: OutRefundNo::parse(&refund.out_refund_no)?,
            destination,
            encrypted_for,
        };
        let (id, now) = (refund.id, self.desk.outside.now());
        let before = move |tx: &crate::store::Tx<'_>| {
            // killed before the answer, or after it: the patrol asks what became of it
            tx.refund_set_patrol(id, patrol::next_refund(now, now, 0), 0)?;
            Ok(())
        };
        let asked = self.desk.ask(&profile, &call.request()?, Some(&order), before).await?;
        let told = asked.outcome().map_err(Clone::clone).and_then(|answer| Ok(facts::of_abnormal(&call, answer)?));
        self.settle(&order, &refund, told, asked).await
    }

    fn destination(&self, profile: &Profile, input: AbnormalInput) -> Result<(Destination, String), Problem> {
        let sealed = |text: &Secret| self.sealed(profile, text);
        match input {
            AbnormalInput::MerchantBankCard => {
                let serial = profile.trusted.for_encryption().map(|(serial, _)| serial.to_owned());
                Ok((Destination::MerchantBankCard, serial.ok_or_else(|| no_key(profile))?))
            }
            AbnormalInput::UserBankCard { bank_type, bank_account, real_name } => {
                let (account, name) = (sealed(&bank_account)?, sealed(&real_name)?);
                let serial = account.wechatpay_serial;
                let (bank_account, real_name) = (account.ciphertext, name.ciphertext);
                Ok((Destination::UserBankCard { bank_type, bank_account, real_name }, serial))
            }
        }
    }

    /// Encrypts a sensitive field for WeChat Pay, at most 214 bytes; with the public key where the merchant has it, else
    /// with the newest platform certificate, which is downloaded if there is none.
    ///
    /// # Errors
    /// `PLAINTEXT_TOO_LONG`, `NO_ENCRYPTION_KEY`; the merchant's.
    pub async fn sensitive_encrypt(&self, m: Option<&str>, text: &Secret) -> Result<SensitiveField, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let profile = self.with_encryption_key(profile).await?;
        self.sealed(&profile, text)
    }

    /// Opens a sensitive field of an answer with the merchant's private key.
    ///
    /// # Errors
    /// `KEY_DOES_NOT_DECRYPT`, one for all causes; the merchant's.
    pub async fn sensitive_decrypt(&self, m: Option<&str>, ciphertext: &str) -> Result<Secret, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let opened = profile.signer.key.decrypt_oaep(ciphertext.trim());
        let opened = opened.map_err(|error| problem::of_key(&error, "ciphertext", "apiclient_key.pem"))?;
        Ok(Secret::from_bytes(opened.to_vec()))
    }

    /// Downloads the platform certificates of a merchant now, and says which there are, newest first.
    ///
    /// # Errors
    /// WeChat Pay's own codes (`RESOURCE_NOT_EXISTS` in public-key mode); `API_V3_KEY_WRONG`; the merchant's.
    pub async fn merchant_certificates(&self, m: Option<&str>) -> Result<Vec<CertificateInfo>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let (_, fresh) = self.desk.trust.refresh(&profile).await;
        let fresh = fresh.map_err(|error| problem::of_gateway(&error, None, self.desk.gateway.clock_skew_ms()))?;
        let mut all = fresh.trusted.certificates().to_vec();
        all.sort_by_key(|found| std::cmp::Reverse(found.not_before()));
        let shown = all.iter().map(|found| CertificateInfo {
            serial_no: found.serial().as_str().to_owned(),
            not_before: beijing(found.not_before()),
            not_after: beijing(found.not_after()),
        });
        Ok(shown.collect())
    }

    fn sealed(&self, profile: &Profile, text: &Secret) -> Result<SensitiveField, Problem> {
        let (serial, key) = profile.trusted.for_encryption().ok_or_else(|| no_key(profile))?;
        let plain = text.trimmed().map_or(text.expose(), str::as_bytes);
        let ciphertext = key.encrypt_oaep(&mut self.desk.outside.random(), plain);
        let ciphertext = ciphertext.map_err(|error| problem::of_key(&error, "plaintext", "WeChat Pay's key"))?;
        Ok(SensitiveField { ciphertext, wechatpay_serial: serial.to_owned() })
    }

    async fn with_encryption_key(&self, profile: Arc<Profile>) -> Result<Arc<Profile>, Problem> {
        if profile.trusted.for_encryption().is_some() {
            return Ok(profile);
        }
        let (_, fresh) = self.desk.trust.refresh(&profile).await;
        fresh.map_err(|error| problem::of_gateway(&error, None, self.desk.gateway.clock_skew_ms()))
    }
}

fn not_abnormal(refund: &RefundRow) -> Problem {
    let (no, status) = (&refund.out_refund_no, refund.status.as_str());
    problem::new(
        "REFUND_NOT_ABNORMAL",
        format!("退款 {no} 的状态是 {status}，不是 ABNORMAL，不需要异常处理。"),
        format!("The refund {no} is {status}, not ABNORMAL, so there is nothing to settle by hand."),
        "先查询退款；只有 ABNORMAL 的退款才能这样处理。",
        "Query it first; only a refund that is ABNORMAL is settled this way.",
    )
}

fn no_key(profile: &Profile) -> Problem {
    problem::new(
        "NO_ENCRYPTION_KEY",
        format!("商户 {} 没有微信支付公钥或平台证书，不能加密敏感字段。", profile.name),
        format!(
            "The merchant {} has neither WeChat Pay's public key nor a platform certificate to encrypt with.",
            profile.name
        ),
        "用 guitai merchant update 加上公钥，或用 guitai merchant certificates 下载平台证书。",
        "Add the public key with guitai merchant update, or download certificates with guitai merchant certificates.",
    )
}
